// One turn of a stream's plan: what it is told, and what it wants done then.
#ifndef HDIKAFKA_DETAIL_STREAM_PLAN_TURN_HPP
#define HDIKAFKA_DETAIL_STREAM_PLAN_TURN_HPP

#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace hdikafka::inline v0_1::detail {

/// What came of the action before.
struct plan_event
{
    enum class kind : unsigned char
    {
        nothing,     ///< It is still to be done; but a pause is over, and a failure told.
        watermarks,  ///< They are `earliest` and `latest`.
        unavailable, ///< There are none now: the partition has no leader, or is not shown yet.
        answer,      ///< A read or a probe gave what is `first`, and a read goes on at `next`.
        refusal,     ///< Of a read or a probe, for what may be its records: see `why`.
        delivery,    ///< Everything before `next` has been handed over.
    };

    /// Why a read gave no records, though the exchange itself went well.
    enum class refusal_cause : unsigned char
    {
        service,    ///< The service said so, with a status that may have to do with the offset.
        too_large,  ///< The answer is larger than is taken: fewer records may fit.
        unreadable, ///< The answer begins with what is no record that can be read.
    };

    kind what = kind::nothing;
    std::int64_t earliest = 0;
    std::int64_t latest = 0;
    std::optional<std::int64_t> first = std::nullopt; ///< The offset of the first record, if there is one,
    std::optional<std::int64_t> time =
        std::nullopt;      ///< and its timestamp in milliseconds since 1970, if it has one.
    std::int64_t last = 0; ///< The offset of the last record, if there is one.
    /// For a search (plan_action::since): the first record before the horizon that is known to be as new.
    std::optional<std::int64_t> hit = std::nullopt;
    std::int32_t dated = 0; ///< Likewise: how many records there have a timestamp.
    std::int64_t next = 0;  ///< Where the service says to go on.
    refusal_cause why = refusal_cause::service;
    std::int32_t count = 0; ///< How many records the refused read had asked for; 0 when that is not known.
    // NOLINTNEXTLINE(readability-redundant-member-init): gcc warns where an initializer leaves it out
    std::string words = std::string(); ///< What the refusal said.
};

/// What to do, and what it takes.
class plan_action
{
public:
    enum class kind : unsigned char
    {
        look,    ///< Read the watermarks.
        read,    ///< Read `count` records from `offset` on.
        probe,   ///< Read `count` records there, off the way: for what they tell, not to hand them over.
        deliver, ///< Hand over the records of the last read.
        pause,   ///< Wait for `pause`.
        idle,    ///< Nothing, until something is written: after `pause` say `nothing`, and it is looked for;
                 ///< or say `watermarks` whenever newer ones are known. Where `offset` is below `known_end`
                 ///< the service keeps silent: the pause is to be waited for in any case.
        finish,  ///< Nothing: everything up to the end has been delivered.
        report,  ///< Fail with what the refusal just told says, and go on when somebody wants to.
        fail,    ///< Fail, once for all: failure() says why.
    };

    kind what = kind::finish;
    std::int64_t offset = 0;
    std::int32_t count = 1;
    std::int64_t end = std::numeric_limits<std::int64_t>::max(); ///< None are wanted from here on.
    std::int64_t known_end = 0;        ///< There are records up to here, as far as the last look knows.
    std::optional<std::int64_t> since; ///< A probe looks for records not older (milliseconds since 1970),
    std::int64_t horizon = std::numeric_limits<std::int64_t>::max(); ///< and only before this offset.
    milliseconds pause{0};
    std::optional<records_skipped> skipped; ///< Before, for want of a way to read them; tell the observer.
};

/// A pause up to a fifth shorter, so that streams which began together do not poll in step for ever. `random`
/// is in [0, 1).
inline milliseconds jittered(milliseconds pause, double random) noexcept
{
    milliseconds const most = pause / 5;
    return pause - milliseconds(static_cast<milliseconds::rep>(static_cast<double>(most.count()) * random));
}

} // namespace hdikafka::inline v0_1::detail

#endif
