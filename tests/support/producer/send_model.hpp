// What the random test of a producer's plan is made of.
#ifndef HDIKAFKA_TESTS_SUPPORT_SEND_MODEL_HPP
#define HDIKAFKA_TESTS_SUPPORT_SEND_MODEL_HPP

#include "support/producer/send_steps.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace test {

using random_engine = std::mt19937_64;

inline int up_to(random_engine& random, int most)
{
    return std::uniform_int_distribution<int>(0, most)(random);
}
inline bool chance(random_engine& random, int percent) { return up_to(random, 99) < percent; }

/// A record with its place in the order of all, and what its answer must be.
class numbered final : public pending_send
{
public:
    numbered(std::size_t place, std::string to, hk::record one, std::size_t size)
        : pending_send(std::move(to), std::move(one), size), number(place)
    {}

    std::size_t const number;
    int answers = 0;
    bool watched = true;                  ///< Somebody takes it back when its time is over.
    bool left = false;                    ///< He has, or tried to.
    std::optional<hk::persistence> claim; ///< Once something has become of it.
    bool fails = false;                   ///< Its answer is an error.
};

using numbered_ptr = std::shared_ptr<numbered>;

inline numbered& of(pending_ptr const& one) { return static_cast<numbered&>(*one); }

/// Like a courier of the library's, which looks again when its time has come or it is hurried.
class slow_courier
{
public:
    explicit slow_courier(lane_ptr from) : where(std::move(from)) {}

    lane_ptr const where;
    std::list<flight> flights;
    std::optional<send_time> until; ///< While it waits.
    bool boarded = false;
    bool departed = false; ///< Its next flight is thought of as written.
    bool hurried = false;
};

class broken : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

inline void require(bool holds, char const* what)
{
    if (!holds)
        throw broken(what);
}

/// Small limits, so that all of them are reached.
inline hk::producer_options random_options(random_engine& random)
{
    hk::producer_options out;
    out.max_batch_records(std::size_t(1 + up_to(random, chance(random, 50) ? 3 : 20)));
    out.max_batch_bytes(std::size_t(1'000 + up_to(random, 3'000)));
    out.buffer_bytes(out.max_batch_bytes() + std::size_t(up_to(random, 5'000)));
    if (chance(random, 50))
        out.buffer_records(std::size_t(1 + up_to(random, 20)));
    if (chance(random, 60))
        out.linger(chance(random, 10) ? milliseconds::max() : milliseconds(up_to(random, 50)));
    if (chance(random, 50))
        out.max_in_flight(std::size_t(1 + up_to(random, 2)));
    if (chance(random, 50))
        out.refresh_partitions(milliseconds(up_to(random, 100)));
    if (int const which = up_to(random, 99); which < 50)
        out.partitioner(hk::partitioner::murmur2);
    else if (which < 70)
        out.partitioner(
            [](std::string_view topic, hk::record const& one, std::int32_t partitions) -> std::int32_t {
                std::size_t const size = one.value().text().size();
                if (size % 17 == 0)
                    throw std::runtime_error("no idea about " + std::string(topic));
                return size % 13 == 0 ? partitions : std::int32_t(size) % partitions;
            });
    return out;
}

/// Short rests, or none at all.
inline hk::retry_policy random_policy(random_engine& random)
{
    return hk::retry_policy()
        .max_retries(chance(random, 80) ? 3 : 0)
        .base_delay(milliseconds(up_to(random, 30)))
        .max_delay(milliseconds(up_to(random, 200)));
}

/// With or without a key and a partition of its own.
inline hk::record random_record(random_engine& random)
{
    std::string const value(std::size_t(up_to(random, chance(random, 20) ? 700 : 60)), '"');
    hk::record one = chance(random, 50)   ? hk::record(hk::json(up_to(random, 4)), value)
                     : chance(random, 10) ? hk::record(nullptr, value)
                                          : hk::record(hk::json(value));
    if (chance(random, 25))
        one.partition(up_to(random, 3));
    return one;
}

} // namespace test

#endif
