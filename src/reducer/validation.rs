//! Input validation with the texts of zod (reactor format §4.9).
