"""ImageNet at 224 pixels: its folder, published networks of 1,000 and of nine classes, the robustness package."""
