//! How keyframe bodies are stored.
