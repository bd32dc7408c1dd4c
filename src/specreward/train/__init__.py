"""Training of the embedded models; needs the extra ``train``."""
