// A producer's lane: a partition, or a topic whose records the service places.
#ifndef HDIKAFKA_DETAIL_PRODUCER_LANE_HPP
#define HDIKAFKA_DETAIL_PRODUCER_LANE_HPP

#include <hdikafka/detail/producer/batcher.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// One that waits for its lane to become due.
class lingering
{
public:
    /// The lane is due earlier than it was.
    virtual void hurry() = 0;

protected:
    ~lingering() = default;
};

class lane
{
public:
    lane(std::string to, std::optional<std::int32_t> where) : topic(std::move(to)), partition(where) {}

    std::string const topic;
    std::optional<std::int32_t> const partition;
    batcher queue;
    std::size_t couriers = 0;     ///< With a batch, or waiting for one.
    bool boarding = false;        ///< One of them has none yet.
    lingering* waiting = nullptr; ///< That one, while it waits.
};

using lane_ptr = std::shared_ptr<lane>;

/// What is to be started: a courier for a lane, or, without one, a question for a topic's partitions.
class send_action
{
public:
    send_action() = default;

    lane_ptr courier;
    std::string topic;
};

/// A batch on its way.
class flight
{
public:
    flight() = default;

    pending_list batch;
    send_time left;
    std::size_t retries = 0; ///< So far.
};

} // namespace hdikafka::inline v0_1::detail

#endif
