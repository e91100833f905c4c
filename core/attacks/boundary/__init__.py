"""Between a clean image and an adversarial one: margins, segments, stepping back, blending."""
