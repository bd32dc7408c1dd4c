"""The networks that can be trained: settings here, torch modules in ``train/modules``."""
