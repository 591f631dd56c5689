//! Settings, and the state of feeds.

use crate::columns::{Columns, FromColumns};
use crate::db::{transaction, values};
use crate::error::StoreError;
use crate::rows::FeedRow;
use crate::{Store, limits, sql};

impl Store {
    /// A setting.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut session = self.db.read("setting").await?;
        session.one(sql::settings::GET, values![name]).await
    }

    /// Sets a setting, whatever it was.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        const OPERATION: &str = "set_setting";
        limits::at_most(OPERATION, "name", limits::WORD, name)?;
        transaction!(self, OPERATION, |session| {
            session.run(sql::settings::SET, values![name, value]).await?;
        })
    }

    /// Sets a setting if it is `old` (`None`: if it is not set). False if it is something else.
    pub async fn set_setting_if(&self, name: &str, old: Option<&str>, new: &str) -> Result<bool, StoreError> {
        const OPERATION: &str = "set_setting_if";
        limits::at_most(OPERATION, "name", limits::WORD, name)?;
        transaction!(self, OPERATION, |session| {
            let touched = match old {
                None => session.run(sql::settings::INITIALISE, values![name, new]).await?,
                Some(old) => session.run(sql::settings::REPLACE, values![name, new, old]).await?,
            };
            touched > 0
        })
    }

    /// The state of a feed.
    pub async fn feed(&self, name: &str) -> Result<Option<FeedRow>, StoreError> {
        let mut session = self.db.read("feed").await?;
        session.one(sql::settings::FEED, values![name]).await
    }

    /// The state of all feeds, by name.
    pub async fn feeds(&self) -> Result<Vec<FeedRow>, StoreError> {
        let mut session = self.db.read("feeds").await?;
        session.all(sql::settings::FEEDS, &[]).await
    }

    /// Sets the state of a feed.
    pub async fn set_feed(&self, feed: &FeedRow) -> Result<(), StoreError> {
        const OPERATION: &str = "set_feed";
        limits::at_most(OPERATION, "name", limits::WORD, &feed.name)?;
        transaction!(self, OPERATION, |session| {
            let row = values![&feed.name, feed.as_of, &feed.cursor, &feed.etag, feed.records, &feed.error];
            session.run(sql::settings::SET_FEED, row).await?;
        })
    }
}

impl FromColumns for FeedRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            name: columns.text()?,
            as_of: columns.optional_time()?,
            cursor: columns.optional_text()?,
            etag: columns.optional_text()?,
            records: columns.count()?,
            error: columns.optional_text()?,
        })
    }
}
