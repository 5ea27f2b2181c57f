"""What seals look like: drawn from text by rule, or cleaned from elsewhere; as SVG, PNG and PDF form."""
