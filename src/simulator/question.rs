//! The body of a call → what is asked, or the vendor's reason to refuse. Strict: five fields, no
//! sixth, whole seconds with an offset, and a window the documents allow.

use jiff::Timestamp;
use serde::Deserialize;

use super::codes::Refusal;
use super::settings::Settings;
use super::window;

const LONGEST_APP_ID: usize = 64;

/// What is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Question {
    pub(super) app_id: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) places: Places,
    /// The dimension as the call spelt it, to be repeated in the answer.
    pub(super) dimension: String,
}

/// The kind of places users are counted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Places {
    Provinces,
    Countries,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Body {
    app_id: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    indicator: Option<String>,
    dimension: Option<String>,
}

impl Question {
    /// Reads `body` as the vendor would at the moment `now`.
    pub(super) fn read(body: &[u8], settings: &Settings, now: Timestamp) -> Result<Self, Refusal> {
        if body.trim_ascii().is_empty() {
            return Err(Refusal::new("InvalidParameter.BodyIsEmpty", "the body is empty"));
        }
        // An array of five strings would pass for a struct.
        if !body.trim_ascii().starts_with(b"{") {
            return Err(Refusal::new("InvalidParameter.Unmarshal", "the body is no JSON object"));
        }
        let body: Body = serde_json::from_slice(body)
            .map_err(|error| Refusal::new("InvalidParameter.Unmarshal", error.to_string()))?;
        let app_id = app_id(present(body.app_id, "AppId")?, settings)?;
        let indicator = present(body.indicator, "Indicator")?;
        let dimension = present(body.dimension, "Dimension")?;
        if !settings.indicators.contains(&indicator) {
            return Err(invalid(format!("Indicator {indicator} is not supported")));
        }
        let start = window::moment(&present(body.start_time, "StartTime")?)?;
        let end = window::moment(&present(body.end_time, "EndTime")?)?;
        window::check(start, end, settings, now)?;
        Ok(Self { app_id, start, end, places: places(&dimension, settings)?, dimension })
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameter", message)
}

fn present(field: Option<String>, name: &str) -> Result<String, Refusal> {
    field.ok_or_else(|| invalid(format!("{name} is missing")))
}

fn app_id(text: String, settings: &Settings) -> Result<String, Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > LONGEST_APP_ID || !text.chars().all(plain) {
        return Err(Refusal::new("InvalidParameter.IllegalAppId", "AppId is not well formed"));
    }
    let exists = settings.apps.as_ref().is_none_or(|apps| apps.contains(&text));
    if !exists {
        return Err(Refusal::new("InvalidParameter.NotExistAppId", "AppId does not exist"));
    }
    Ok(text)
}

fn places(dimension: &String, settings: &Settings) -> Result<Places, Refusal> {
    if settings.provinces.contains(dimension) {
        Ok(Places::Provinces)
    } else if settings.countries.contains(dimension) {
        Ok(Places::Countries)
    } else {
        Err(invalid(format!("Dimension {dimension} is not supported")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-15T08:30:00Z";

    fn read(from: &str, to: &str) -> Result<Question, &'static str> {
        let good = r#"{"AppId":"app-1","StartTime":"2026-01-08T00:00:00+08:00",
            "EndTime":"2026-01-15T00:00:00+08:00","Indicator":"user_num","Dimension":"country"}"#;
        assert!(good.contains(from), "{from}");
        let now = NOW.parse().expect("the moment of this test is a time");
        let body = good.replace(from, to);
        Question::read(body.as_bytes(), &Settings::default(), now).map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_five_fields_make_a_question() {
        let question = read("", "").expect("the body of this test is right");
        assert_eq!(question.app_id, "app-1");
        assert_eq!(question.places, Places::Countries);
        assert_eq!(question.end.to_string(), "2026-01-14T16:00:00Z");
    }

    #[test]
    fn each_mistake_has_its_code() {
        for (from, to, code) in [
            (r#""Dimension""#, r#""Extra":1,"Dimension""#, "InvalidParameter.Unmarshal"),
            (r#""app-1""#, "1", "InvalidParameter.Unmarshal"),
            (r#""AppId":"app-1","#, "", "InvalidParameter"),
            (r#""app-1""#, r#""app 1""#, "InvalidParameter.IllegalAppId"),
            ("user_num", "user_count", "InvalidParameter"),
            ("country", "Country", "InvalidParameter"),
            ("00+08:00", "00.5+08:00", "InvalidParameter"),
            ("00:00:00+08:00", "00:00:00", "InvalidParameter"),
            ("2026-01-15T", "2026-02-30T", "InvalidParameter"),
            ("2026-01-15T", "2026-01-08T", "InvalidParameter.StartTimeAfterEndTime"),
            ("2026-01-08T00:00:00", "2026-01-07T23:59:59", "InvalidParameter.OutofTimeRange"),
            ("2026-01-15T00:00:00+08:00", "2026-01-15T08:30:01Z", "InvalidParameter.OutofTimeRange"),
        ] {
            assert_eq!(read(from, to).expect_err(to), code, "{to}");
        }
    }

    #[test]
    fn a_body_that_is_empty_or_an_array_is_refused() {
        let read = |body: &[u8]| {
            let question = Question::read(body, &Settings::default(), Timestamp::UNIX_EPOCH);
            question.expect_err("no body of this test is right").code
        };
        assert_eq!(read(b" \n"), "InvalidParameter.BodyIsEmpty");
        assert_eq!(read(br#"["a","b","c","d","e"]"#), "InvalidParameter.Unmarshal");
    }
}
