//! What replicas tell each other, by topic. Delivery is at most once: whoever missed some asks the store for the whole.

/// What a piece of news is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A slot frees earlier than was known, or a turn is waiting to be taken.
    Slots,
    /// The vendor said that we were too fast.
    Throttled,
    /// A question was answered: the answer's envelope.
    Answers,
    /// A question failed, or its flight was given up.
    Flights,
    /// Answers to be dropped.
    Purges,
    /// Tokens that count no more.
    Revocations,
}

/// Something that a replica, this one included, made known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What it is about.
    pub topic: Topic,
    /// What it says, in the topic's own form.
    pub body: Vec<u8>,
}

impl Topic {
    /// All of them.
    pub(super) const ALL: [Self; 6] =
        [Self::Slots, Self::Throttled, Self::Answers, Self::Flights, Self::Purges, Self::Revocations];

    /// The channel's name after the prefix: what scripts publish to.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slots => "news:slots",
            Self::Throttled => "news:throttled",
            Self::Answers => "news:answers",
            Self::Flights => "news:flights",
            Self::Purges => "news:purges",
            Self::Revocations => "news:revocations",
        }
    }

    pub(super) fn channel(self, prefix: &str) -> String {
        super::full_key(prefix, self.name())
    }

    pub(super) fn of_channel(channel: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| channel.ends_with(topic.name()))
    }
}
