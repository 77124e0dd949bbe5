"""Descriptors: one file each, found by name through `descriptors`."""

from dpc.frontend.descriptors.base import Descriptor, DescriptorConfig, descriptors

__all__ = ["Descriptor", "DescriptorConfig", "descriptors"]
