//! The base protocol (reactor format §4, §5).
