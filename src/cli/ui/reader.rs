//! Whether anybody reads stdout.

use super::StdoutError;

/// Notices that whoever read stdout is gone, without writing to it: for commands that may have nothing to write for long.
///
/// # Errors
/// As a write would fail.
#[cfg(unix)]
pub(crate) fn check_reader() -> Result<(), StdoutError> {
    use std::io;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let answered = poll(&mut asked, Some(&Timespec::default())).is_ok();
    if answered && asked[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
        return Err(StdoutError::Io(io::ErrorKind::BrokenPipe.into()));
    }
    Ok(())
}

/// Where that cannot be asked, the next write shows it.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as where it can be asked")]
pub(crate) fn check_reader() -> Result<(), StdoutError> {
    Ok(())
}
