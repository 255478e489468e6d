// How the emulator behaves where services of its kind are known, or suspected, to be unfriendly.
#ifndef HDIKAFKA_DETAIL_EMULATOR_QUIRKS_HPP
#define HDIKAFKA_DETAIL_EMULATOR_QUIRKS_HPP

#include <hdikafka/detail/emulator/forms.hpp>
#include <hdikafka/milliseconds.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace hdikafka::inline v0_1 {

/// The unfriendly sides of the service. By default it has none; the setters can be chained, and
/// emulator::quirks() takes others at any time.
class emulator_quirks
{
public:
    emulator_quirks() = default;

    // Reads.

    /// Whether a read that starts in a gap of the offsets is empty, instead of giving the records after it.
    /// Behind the last record there are none to give: there it is empty in any case, until more is written.
    emulator_quirks& empty_in_gaps(bool value) & { return set(empty_in_gaps_, value); }
    emulator_quirks&& empty_in_gaps(bool value) && { return moved(empty_in_gaps_, value); }
    bool empty_in_gaps() const noexcept { return empty_in_gaps_; }

    /// What NextOffset says when a read in a gap is empty, also in one behind the last record: `exact` leads
    /// to the gap's end. By default what emulator_options::next_offset() says, whose `exact` is the offset
    /// asked for when empty_in_gaps() is set.
    emulator_quirks& gap_next_offset(std::optional<emulator_next_offset> value) &
    {
        return set(gap_next_offset_, value);
    }
    emulator_quirks&& gap_next_offset(std::optional<emulator_next_offset> value) &&
    {
        return moved(gap_next_offset_, value);
    }
    std::optional<emulator_next_offset> gap_next_offset() const noexcept { return gap_next_offset_; }

    /// What NextOffset says when emulator::silence() and its like keep a read empty; `exact` is the offset
    /// that was asked for. By default what emulator_options::next_offset() says.
    emulator_quirks& silent_next_offset(std::optional<emulator_next_offset> value) &
    {
        return set(silent_next_offset_, value);
    }
    emulator_quirks&& silent_next_offset(std::optional<emulator_next_offset> value) &&
    {
        return moved(silent_next_offset_, value);
    }
    std::optional<emulator_next_offset> silent_next_offset() const noexcept { return silent_next_offset_; }

    /// The most bytes of data that one read returns: keys and values as Kafka stores them, strings without
    /// quotes and escapes. It takes the place of emulator_options::read_cap(), which bounds the answer's
    /// body: as JSON this can be several times as much. Not set by default.
    emulator_quirks& max_read_bytes(std::optional<std::size_t> value) &
    {
        return set(max_read_bytes_, value);
    }
    emulator_quirks&& max_read_bytes(std::optional<std::size_t> value) &&
    {
        return moved(max_read_bytes_, value);
    }
    std::optional<std::size_t> max_read_bytes() const noexcept { return max_read_bytes_; }

    // Partitions without a leader: see emulator::lose_leader().

    /// What metadata has for their leader.
    emulator_quirks& leaderless(emulator_leaderless value) & { return set(leaderless_, value); }
    emulator_quirks&& leaderless(emulator_leaderless value) && { return moved(leaderless_, value); }
    emulator_leaderless leaderless() const noexcept { return leaderless_; }

    /// What metadata has for their offsets.
    emulator_quirks& leaderless_offsets(emulator_leaderless_offsets value) &
    {
        return set(leaderless_offsets_, value);
    }
    emulator_quirks&& leaderless_offsets(emulator_leaderless_offsets value) &&
    {
        return moved(leaderless_offsets_, value);
    }
    emulator_leaderless_offsets leaderless_offsets() const noexcept { return leaderless_offsets_; }

    /// The status of reads and produces to them: 500 by default; 400 to 599.
    emulator_quirks& leaderless_status(int value) & { return set(leaderless_status_, value); }
    emulator_quirks&& leaderless_status(int value) && { return moved(leaderless_status_, value); }
    int leaderless_status() const noexcept { return leaderless_status_; }

    // Topics that were just created or deleted.

    /// How long the partitions of a topic have no leader after it was created.
    emulator_quirks& leaders_after(milliseconds value) & { return set(leaders_after_, value); }
    emulator_quirks&& leaders_after(milliseconds value) && { return moved(leaders_after_, value); }
    milliseconds leaders_after() const noexcept { return leaders_after_; }

    /// How long a topic has no partitions after it was created.
    emulator_quirks& partitions_after(milliseconds value) & { return set(partitions_after_, value); }
    emulator_quirks&& partitions_after(milliseconds value) && { return moved(partitions_after_, value); }
    milliseconds partitions_after() const noexcept { return partitions_after_; }

    /// How many management nodes there are: 1 by default, as in a service without caches of their own. With
    /// more, each connection is to one of them, in turn, and a node knows only what it shows: it answers
    /// produces to a topic, and reads, with 404 as long as its metadata does not show the topic.
    emulator_quirks& nodes(std::size_t value) & { return set(nodes_, value); }
    emulator_quirks&& nodes(std::size_t value) && { return moved(nodes_, value); }
    std::size_t nodes() const noexcept { return nodes_; }

    /// How much later than the first node the second one shows that a topic was created or deleted; the
    /// third one twice that much later, and so on.
    emulator_quirks& node_delay(milliseconds value) & { return set(node_delay_, value); }
    emulator_quirks&& node_delay(milliseconds value) && { return moved(node_delay_, value); }
    milliseconds node_delay() const noexcept { return node_delay_; }

    /// How many requests that concern a topic a node other than the first must have answered before it shows
    /// that the topic was created or deleted. Lists of topics concern all of them.
    emulator_quirks& node_looks(std::size_t value) & { return set(node_looks_, value); }
    emulator_quirks&& node_looks(std::size_t value) && { return moved(node_looks_, value); }
    std::size_t node_looks() const noexcept { return node_looks_; }

    // Other requests.

    /// Whether a produce to a topic that does not exist is never answered, instead of with 404.
    emulator_quirks& missing_topic_hangs(bool value) & { return set(missing_topic_hangs_, value); }
    emulator_quirks&& missing_topic_hangs(bool value) && { return moved(missing_topic_hangs_, value); }
    bool missing_topic_hangs() const noexcept { return missing_topic_hangs_; }

    /// Whether GET /v1/status needs a token, as everything else does.
    emulator_quirks& status_needs_token(bool value) & { return set(status_needs_token_, value); }
    emulator_quirks&& status_needs_token(bool value) && { return moved(status_needs_token_, value); }
    bool status_needs_token() const noexcept { return status_needs_token_; }

private:
    template <class Value>
    emulator_quirks& set(Value& member, Value value)
    {
        member = value;
        return *this;
    }
    template <class Value>
    emulator_quirks&& moved(Value& member, Value value)
    {
        return std::move(set(member, value));
    }

    bool empty_in_gaps_ = false;
    std::optional<emulator_next_offset> gap_next_offset_;
    std::optional<emulator_next_offset> silent_next_offset_;
    std::optional<std::size_t> max_read_bytes_;
    emulator_leaderless leaderless_ = emulator_leaderless::null_leader;
    emulator_leaderless_offsets leaderless_offsets_ = emulator_leaderless_offsets::negative;
    int leaderless_status_ = 500;
    milliseconds leaders_after_{0};
    milliseconds partitions_after_{0};
    std::size_t nodes_ = 1;
    milliseconds node_delay_{0};
    std::size_t node_looks_ = 0;
    bool missing_topic_hangs_ = false;
    bool status_needs_token_ = false;
};

} // namespace hdikafka::inline v0_1

#endif
