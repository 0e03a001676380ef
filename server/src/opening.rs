//! The first bytes of a connection, which may not take for ever.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Bytes after which it is clear which version of HTTP is spoken: the length of HTTP/2's preface (RFC 9113 §3.4).
const PREFACE: usize = 24;

/// A stream that ends unless its first bytes come in time. Hyper's limits begin when it knows the version of HTTP.
#[derive(Debug)]
pub(crate) struct Opening<S> {
    stream: S,
    wait: Option<Pin<Box<Sleep>>>,
    heard: usize,
}

impl<S> Opening<S> {
    pub(crate) fn new(stream: S, within: Duration) -> Self {
        Self { stream, wait: Some(Box::pin(sleep(within))), heard: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let Some(wait) = &mut this.wait else { return read };
        this.heard += buffer.filled().len() - before;
        if this.heard >= PREFACE {
            this.wait = None;
        } else if read.is_pending() && wait.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const WITHIN: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn silence_or_half_a_preface_ends_the_stream() {
        for start in ["", "PRI * HTTP/2.0"] {
            let (near, mut far) = duplex(64);
            let mut stream = Opening::new(near, WITHIN);
            far.write_all(start.as_bytes()).await.unwrap();
            let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{start:?}");
        }
    }

    #[tokio::test]
    async fn once_it_has_begun_a_stream_may_be_silent() {
        let (near, mut far) = duplex(64);
        let mut stream = Opening::new(near, WITHIN);
        far.write_all(&[b'x'; PREFACE]).await.unwrap();
        let mut bytes = [0; PREFACE + 1];
        let reading = tokio::time::timeout(WITHIN * 5, stream.read_exact(&mut bytes)).await;
        assert!(reading.is_err(), "it still waits");
    }
}
