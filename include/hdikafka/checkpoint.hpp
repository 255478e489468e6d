// A checkpoint: how far a consumer has got, kept for its next start.
#ifndef HDIKAFKA_CHECKPOINT_HPP
#define HDIKAFKA_CHECKPOINT_HPP

#include <hdikafka/version.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace hdikafka::inline v0_1 {

/// How far a consumer has got in one partition. The last record stands in it as evidence: when another one is
/// at its offset later on, the topic was made anew.
class checkpoint
{
public:
    checkpoint() = default;

    std::string topic;            ///< Which topic.
    std::int32_t partition = 0;   ///< Which partition of it.
    std::int64_t next_offset = 0; ///< Where to go on: the first offset that was not processed.
    std::int64_t last_offset = 0; ///< Of the last record that was processed.
    /// That record's timestamp, if it has one.
    std::optional<std::chrono::sys_time<std::chrono::milliseconds>> last_timestamp;

    bool operator==(checkpoint const&) const = default;
};

} // namespace hdikafka::inline v0_1

#endif
