//! The vendor's envelope: `ResponseMetadata` with an error in it, or with a `Result` beside it.

use bytes::Bytes;
use serde::Serialize;

use super::codes::{Refusal, documented};
use super::dataset::Region;

/// The part of `ResponseMetadata` that is the same whether the call failed or not.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metadata {
    pub(super) request_id: String,
    pub(super) action: String,
    pub(super) version: String,
    pub(super) service: String,
    pub(super) region: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    response_metadata: Head<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Distribution<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Head<'a> {
    #[serde(flatten)]
    metadata: &'a Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code_n: Option<u32>,
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Distribution<'a> {
    name: &'a str,
    dimension: &'a str,
    data: &'a [Region],
}

impl Metadata {
    /// An envelope with an error in it.
    pub(super) fn failure(&self, code: &str, message: &str) -> Bytes {
        let code_n = documented(code).map(|(number, _)| number);
        let error = Some(Failure { code_n, code, message });
        self.seal(error, None)
    }

    /// An envelope with this refusal in it.
    pub(super) fn refusal(&self, refusal: &Refusal) -> Bytes {
        self.failure(refusal.code, &refusal.message)
    }

    /// An envelope with an answer in it. The answer's name is `user_num` however the question
    /// spelt it: so it is in every sample of the documents.
    pub(super) fn answer(&self, dimension: &str, data: &[Region]) -> Bytes {
        let name = "user_num";
        self.seal(None, Some(Distribution { name, dimension, data }))
    }

    fn seal(&self, error: Option<Failure>, result: Option<Distribution>) -> Bytes {
        let metadata = self;
        let response_metadata = Head { metadata, error };
        let envelope = Envelope { response_metadata, result };
        let json = serde_json::to_vec(&envelope);
        Bytes::from(json.expect("an envelope has string keys and finite numbers only"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::*;

    fn metadata() -> Metadata {
        let settings = Settings::default();
        Metadata {
            request_id: "r-1".to_owned(),
            action: "ListOperationDistribution".to_owned(),
            version: settings.version,
            service: settings.service,
            region: settings.region,
        }
    }

    #[test]
    fn an_error_of_the_gateway_has_a_number_and_one_from_behind_it_has_none() {
        let gateway = metadata().failure("FlowLimitExceeded", "too fast");
        let behind = metadata().failure("FlowLimitExceeded.QPSOverLimit", "too fast");
        assert_eq!(
            String::from_utf8_lossy(&gateway),
            r#"{"ResponseMetadata":{"RequestId":"r-1","Action":"ListOperationDistribution","#.to_owned()
                + r#""Version":"2020-12-01","Service":"rtc","Region":"cn-north-1","#
                + r#""Error":{"CodeN":100018,"Code":"FlowLimitExceeded","Message":"too fast"}}}"#
        );
        assert!(!String::from_utf8_lossy(&behind).contains("CodeN"));
    }

    #[test]
    fn an_answer_looks_like_the_sample_in_the_document() {
        let region = Region { distribution_name: "上海", value: 666.0, proportion: 66.66 };
        let answer = metadata().answer("province", &[region]);
        let answer = String::from_utf8_lossy(&answer);
        let result = answer.split_once(r#""Result":"#).expect("an answer has a result").1;
        assert_eq!(
            result,
            r#"{"Name":"user_num","Dimension":"province","Data":[{"DistributionName":"上海","#.to_owned()
                + r#""Value":666.0,"Proportion":66.66}]}}"#
        );
    }
}
