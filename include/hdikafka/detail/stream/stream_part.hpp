// One partition in a stream.
#ifndef HDIKAFKA_DETAIL_STREAM_STREAM_PART_HPP
#define HDIKAFKA_DETAIL_STREAM_STREAM_PART_HPP

#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/offsets.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace hdikafka::inline v0_1::detail {

inline std::int64_t start_of(offset_spec from, partition_info const& seen)
{
    return start_position(from, seen.earliest_offset, seen.latest_offset);
}

/// A partition's place in a stream.
class stream_part
{
public:
    stream_part(partition_ptr one, offset_spec start) : reader(std::move(one)), from(start) {}

    /// Takes notice of what the reader has come to.
    void look()
    {
        position = reader->position().value_or(position);
        caught_up = reader->caught_up();
        silent_to = reader->silent_to().value_or(-1);
    }

    /// Of the next record that is handed over; -1 until it is known.
    std::int64_t handed_over() const { return rest.records.empty() ? position : rest.records[0].offset(); }

    /// The same, with the watermarks at hand: behind what the service has nothing of, if it is at that.
    std::int64_t position_in(partition_info const& seen) const
    {
        std::int64_t const known = handed_over();
        if (known < 0)
            return start_of(from, seen);
        return rest.records.empty() ? std::max(known, silent_to) : known;
    }

    partition_ptr reader;
    offset_spec from;             ///< Where it starts, without a checkpoint.
    std::int64_t position = -1;   ///< Of the next record to hand over; -1 until it is known.
    bool caught_up = false;       ///< When that was last looked at.
    std::int64_t idle_at = -1;    ///< The position where there was nothing to read last.
    std::int64_t silent_to = -1;  ///< Up to there the plan has found that there is nothing to read.
    held_batch rest;              ///< What next_record() has left of a batch.
    std::optional<error> failure; ///< How following its plan ended, until it is told.
};

} // namespace hdikafka::inline v0_1::detail

#endif
