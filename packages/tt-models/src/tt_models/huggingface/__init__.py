"""Folders of Hugging Face's format: config.json and safetensors files, of GPT-2 or Llama."""

from .folder import read_folder, write_folder

__all__ = ["read_folder", "write_folder"]
