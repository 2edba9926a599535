"""A zoo of generative adversarial networks behind one trainer."""
