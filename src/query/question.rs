//! The question: an app, an indicator, a dimension and two instants; equal for all who ask it.

use jiff::Timestamp;

use super::parameters::Parameters;
use super::times::Spelled;
use super::{Config, times};
use crate::model::{AppId, Dimension, Indicator, Moment, Window};
use crate::tenancy::Grant;

/// What is asked, never by whom: the key of everything that is held. Only `ask` makes one, from a grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    app: AppId,
    indicator: Indicator,
    dimension: Dimension,
    window: Window,
}

/// A question that the vendor would still answer: what a flight may be started for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Askable(Question);

/// A question with the caller's own spelling of it.
#[derive(Clone, Debug)]
pub struct Asked {
    question: Question,
    shown_from: String,
    shown_to: String,
    lasting: bool,
}

/// Why a question is refused. `detail` and the names never carry more of the request than a parameter's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Malformed, unknown, repeated or missing.
    #[error("the parameter {name} {detail}")]
    Parameter {
        /// The parameter's name as sent, cut to 32 characters; `""` where it has none.
        name: String,
        /// Half a sentence that follows the name.
        detail: String,
    },
    /// Longer than the vendor answers.
    #[error("the window is longer than {limit_seconds} s")]
    WindowTooLong {
        /// The longest window.
        limit_seconds: i64,
    },
    /// Begins before what the vendor still keeps.
    #[error("the window begins before {earliest}")]
    OutsideHorizon {
        /// The earliest `from`, RFC 3339 in the zone of bare dates.
        earliest: String,
    },
    /// Begins after now.
    #[error("the window begins after {latest}")]
    WindowInFuture {
        /// The latest `from`, RFC 3339 in the zone of bare dates.
        latest: String,
    },
}

impl Invalid {
    pub(super) fn parameter(name: &str, detail: &str) -> Self {
        Self::Parameter { name: name.to_owned(), detail: detail.to_owned() }
    }
}

/// Reads the raw query string of a request for the granted app.
pub fn ask(grant: &Grant, raw: &str, now: Timestamp, config: &Config) -> Result<Asked, Invalid> {
    read(grant.app().id(), raw, now, config)
}

pub(super) fn read(app: &AppId, raw: &str, now: Timestamp, config: &Config) -> Result<Asked, Invalid> {
    let parameters = Parameters::parse(raw)?;
    let dimension = Dimension::ALL
        .into_iter()
        .find(|dimension| dimension.as_str() == parameters.dim)
        .ok_or_else(|| Invalid::parameter("dim", "is neither province nor country (lower case)"))?;
    if parameters.indicator.is_some_and(|word| word != Indicator::UserNum.as_str()) {
        return Err(Invalid::parameter("indicator", "is not user_num, the only one there is; it may be left out"));
    }
    let now = Moment::floor(now);
    let lasting = ![&parameters.from, &parameters.to].iter().any(|time| times::is_relative(time));
    let (from, to, window) = spelled_window(&parameters.from, &parameters.to, now, config)?;
    let limit_seconds = seconds(config.max_window);
    if window.seconds() > limit_seconds {
        return Err(Invalid::WindowTooLong { limit_seconds });
    }
    if window.from() > now {
        return Err(Invalid::WindowInFuture { latest: now.rfc3339(config.offset_at(now)) });
    }
    let question = Question { app: app.clone(), indicator: Indicator::UserNum, dimension, window };
    Ok(Asked { question, shown_from: from.echo, shown_to: to.echo, lasting })
}

/// Reads a window on its own, by the same spellings and without the vendor's limits.
pub fn window(from: &str, to: &str, now: Timestamp, config: &Config) -> Result<Window, Invalid> {
    spelled_window(from, to, Moment::floor(now), config).map(|(_, _, window)| window)
}

fn spelled_window(from: &str, to: &str, now: Moment, config: &Config) -> Result<(Spelled, Spelled, Window), Invalid> {
    let time = |name, text| times::read(text, now, config).map_err(|detail| Invalid::parameter(name, &detail));
    let (from, to) = (time("from", from)?, time("to", to)?);
    let window = Window::new(from.moment, to.moment)
        .ok_or_else(|| Invalid::parameter("to", "must be later than from; the window is half-open, [from, to)"))?;
    Ok((from, to, window))
}

impl Asked {
    /// What is asked.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Whether these words, read before, would be read as the same question now: they name no time by `now`, and the clock
    /// was not set back to before their window.
    pub fn still_means_the_same(&self, now: Timestamp) -> bool {
        self.lasting && self.question.window.from() <= Moment::floor(now)
    }

    /// `from` as the answer echoes it.
    pub fn shown_from(&self) -> &str {
        &self.shown_from
    }

    /// `to` as the answer echoes it.
    pub fn shown_to(&self) -> &str {
        &self.shown_to
    }
}

impl Question {
    /// A day's provinces of an app, for the tests of later stages.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn sample(app: &str) -> Self {
        let day = Moment::at(jiff::civil::date(2026, 11, 1).at(0, 0, 0, 0), 0);
        Self {
            app: AppId::parse(app).expect("a test names an app"),
            indicator: Indicator::UserNum,
            dimension: Dimension::Province,
            window: Window::new(day, day.plus(86_400)).expect("a day is a window"),
        }
    }

    /// The question in one line of visible ASCII, by which all replicas know it:
    /// `app/indicator/dimension/from/to`, the instants in seconds since 1970.
    pub fn name(&self) -> String {
        let (from, to) = (self.window.from().as_second(), self.window.to().as_second());
        format!("{}/{}/{}/{from}/{to}", self.app.as_str(), self.indicator.as_str(), self.dimension.as_str())
    }

    /// The question of this name, of which another replica tells. It says what is held or asked, and gives nobody the
    /// right to read it: that takes a grant.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut parts = name.split('/');
        let app = AppId::parse(parts.next()?)?;
        let indicator = parts.next().filter(|word| *word == Indicator::UserNum.as_str()).map(|_| Indicator::UserNum)?;
        let word = parts.next()?;
        let dimension = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == word)?;
        let mut moment = || parts.next()?.parse().ok().map(Moment::of_second);
        let window = Window::new(moment()?, moment()?)?;
        let question = Self { app, indicator, dimension, window };
        (question.name() == name).then_some(question)
    }

    /// As it stands on the board of a replica that asks it: that one saw that the vendor answers it.
    pub fn asked_elsewhere(self) -> Askable {
        Askable(self)
    }

    /// The app asked about.
    pub fn app(&self) -> &AppId {
        &self.app
    }

    /// What is counted.
    pub fn indicator(&self) -> Indicator {
        self.indicator
    }

    /// How it is broken down.
    pub fn dimension(&self) -> Dimension {
        self.dimension
    }

    /// Over which time.
    pub fn window(&self) -> Window {
        self.window
    }

    /// When its answer stops moving: the window's end and the vendor's lag.
    pub fn settles_at(&self, config: &Config) -> Moment {
        self.window.to().plus(seconds(config.lag))
    }

    /// Whether the vendor still answers it: a held answer may be served beyond the horizon, a call is not made.
    pub fn askable(&self, now: Timestamp, config: &Config) -> Result<Askable, Invalid> {
        let earliest = Moment::floor(now).plus(-seconds(config.horizon));
        if self.window.from() >= earliest {
            return Ok(Askable(self.clone()));
        }
        Err(Invalid::OutsideHorizon { earliest: earliest.rfc3339(config.offset_at(earliest)) })
    }
}

impl Askable {
    /// What is asked.
    pub fn question(&self) -> &Question {
        &self.0
    }
}

fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
