"""From a bundle to pictures, with numpy and onnxruntime alone."""
