"""The torch modules behind ``train/networks``."""
