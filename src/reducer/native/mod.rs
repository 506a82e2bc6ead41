//! Models that are compiled in: typed, indexed states; results and error texts of the reference.

pub mod collation;
pub mod drive;
