"""The register of seals (电子印章管理): their life, who may do what, and the book of uses."""
