"""The electronic seal itself (GB/T 38540-2020, GM/T 0031): made, explained, checked."""
