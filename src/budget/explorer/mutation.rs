//! Rules that could be forgotten. Each has a test that shows what would come of it.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutation {
    /// An answer frees its slot at once, without a second.
    AnswersFreeAtOnce,
    /// Slots that the store does not know count as free.
    NothingIsHeldAfterLostState,
    /// What the dead held is given to others at once.
    TheDeadFreeAtOnce,
    /// A permit is used however long ago it was asked for.
    LatePermitsAreSent,
    /// A call is written though its tenure is over.
    TenureIsIgnored,
    /// The tenure counts from the reply instead of the asking.
    TenureFromTheReply,
    /// Claims begin as soon as the store is here.
    NoPauseAfterConnecting,
    /// The store's clock is believed whatever it tells.
    NobodyWatchesTheClock,
    /// A call without an answer holds its slot no longer than one that arrived.
    LostCountsAsArrived,
    /// The guard is believed though the process stood still before it wrote the call.
    StandingStillIsNotNoticed,
    /// The guard is believed though a connection had to be opened.
    OpenedConnectionsAreGuarded,
    /// Who once owned a slot may say when it frees.
    AnybodySettles,
    /// Whose slot was forgotten by the store goes on as its owner.
    TheForgottenGoOn,
    /// The slots of another server are taken for this one's.
    AnyServerIsBelieved,
}
