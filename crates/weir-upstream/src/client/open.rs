//! How something that is too large for memory is opened: an artifact, or a large document.

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, LAST_MODIFIED};
use http::{Method, StatusCode};

use super::{Answer, Question, Upstream, Validators, conditions, text, validator};
use crate::body::Download;
use crate::error::UpstreamError;

/// The answer to a request for a document that is too large for memory.
#[derive(Debug)]
pub enum Opened {
    /// 304: the copy that the validators came with is current.
    NotModified,
    /// It is on its way.
    Document(Box<Download>),
    /// There is no such document.
    Absent {
        /// 404 or 410.
        status: u16,
    },
}

impl Upstream {
    /// Opens the document at `path`, as [`Upstream::document`] fetches it, for one that is too large for memory: with the
    /// limits of an artifact, and without a content coding.
    pub async fn open_document(
        &self,
        path: &str,
        accept: &str,
        validators: &Validators,
    ) -> Result<Opened, UpstreamError> {
        let url = self.under_base(path)?;
        let limits = &self.inner.limits;
        let (headers, conditional) = conditions(accept, "identity", validators);
        let question = Question {
            method: Method::GET,
            headers,
            body: None,
            artifact: true,
            total: limits.artifact_total,
            limit: limits.artifact_bytes,
        };
        let answer = self.ask(&url, &question).await?;
        match answer.status {
            StatusCode::NOT_MODIFIED if conditional => Ok(Opened::NotModified),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Opened::Absent { status: answer.status.as_u16() }),
            StatusCode::OK if answer.is_gzip()? => Err(UpstreamError::InvalidAnswer {
                url: answer.body.url,
                problem: String::from("it has the content coding `gzip`, which was not asked for"),
            }),
            StatusCode::OK => Ok(Opened::Document(Box::new(answer.download()))),
            _ => Err(answer.unexpected()),
        }
    }

    /// Opens the artifact at `url`, an absolute address from an index. Absence is [`UpstreamError::is_absent`].
    pub async fn open(&self, url: &str) -> Result<Download, UpstreamError> {
        let url = self.outside(url)?;
        let limits = &self.inner.limits;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let question = Question {
            method: Method::GET,
            headers,
            body: None,
            artifact: true,
            total: limits.artifact_total,
            limit: limits.artifact_bytes,
        };
        let answer = self.ask(&url, &question).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.unexpected());
        }
        if let Some(length) = answer.body.expected
            && length > limits.artifact_bytes
        {
            return Err(UpstreamError::TooLarge { url: answer.body.url, limit: limits.artifact_bytes });
        }
        Ok(answer.download())
    }
}

impl Answer {
    fn download(self) -> Download {
        Download {
            url: self.body.url.clone(),
            length: self.body.expected,
            content_type: text(&self.headers, &CONTENT_TYPE).unwrap_or_default(),
            etag: validator(&self.headers, &ETAG),
            last_modified: validator(&self.headers, &LAST_MODIFIED),
            body: self.body,
        }
    }
}
