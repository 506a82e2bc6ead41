//! The `auth` scope (reactor format §5.5, §5.6).
