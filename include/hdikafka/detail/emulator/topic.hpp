// The pretend cluster's parts: brokers, a topic with its partitions, records on their way in.
#ifndef HDIKAFKA_DETAIL_EMULATOR_TOPIC_HPP
#define HDIKAFKA_DETAIL_EMULATOR_TOPIC_HPP

#include <hdikafka/detail/emulator/log.hpp>
#include <hdikafka/detail/emulator/trouble.hpp>
#include <hdikafka/detail/emulator/visibility.hpp>
#include <hdikafka/detail/rest/arguments.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

inline constexpr std::int32_t emulator_broker_count = 3;

class emulator_broker_endpoint
{
public:
    std::string_view host;
    std::string_view rack;
    std::int32_t port = 0;
    std::int32_t id = 0;
};

inline constexpr std::array<emulator_broker_endpoint, emulator_broker_count> emulator_broker_endpoints{
    {{"wn0-emulator.internal", "/fault-domain-0", 9092, 1001},
     {"wn1-emulator.internal", "/fault-domain-1", 9092, 1002},
     {"wn2-emulator.internal", "/fault-domain-2", 9092, 1003}}};

/// Topics' names as Kafka has them.
inline bool valid_emulator_topic(std::string_view name) { return bool(check_topic(name)); }

/// What a topic is created with; what is not set is left to the cluster.
class emulator_topic_config
{
public:
    std::optional<std::int32_t> partition_count;
    std::optional<std::int32_t> replication_factor;
    std::map<std::string, std::string> properties; ///< Names and JSON texts.
};

/// `partitions` and `troubles` have the same size.
class emulator_topic
{
public:
    std::string name;
    std::int32_t replication_factor = 1;
    std::int32_t first_broker = 0; ///< Leads partition 0; the others follow in turn.
    std::map<std::string, std::string> properties;
    std::vector<emulator_log> partitions;
    std::vector<emulator_trouble> troubles; ///< By partition.
    std::uint32_t turn = 0;                 ///< The partition of the next record without a key.
    emulator_visibility visibility;
    emulator_time partitions_from; ///< Until then it has none.
    emulator_time leaders_from;    ///< Until then no partition has one.

    /// As many partitions; none of those that are there goes.
    void resize(std::int32_t count)
    {
        partitions.resize(static_cast<std::size_t>(count));
        troubles.resize(partitions.size());
    }

    std::size_t partition_count(emulator_time now) const noexcept
    {
        return now < partitions_from ? 0 : partitions.size();
    }

    bool has_leader(std::size_t partition, emulator_time now) const noexcept
    {
        return now >= leaders_from && !troubles[partition].leaderless;
    }

    /// The index in emulator_broker_endpoints of a partition's nth replica; the first one leads.
    std::size_t replica(std::size_t partition, std::size_t n) const noexcept
    {
        return (static_cast<std::size_t>(first_broker) + partition + n) % emulator_broker_count;
    }
};

/// A record on its way in. A key that is absent or null has no bytes to hash.
class emulator_new_record
{
public:
    std::optional<std::string> key; ///< JSON text.
    std::optional<std::string> key_bytes;
    std::optional<std::int64_t> partition;
    std::string value;    ///< JSON text.
    bool stamped = false; ///< The timestamp is given; else it is the time of its arrival.
    std::optional<emulator_time> timestamp;
};

/// Where a record went, or why it was refused.
class emulator_placement
{
public:
    std::int32_t partition = 0;
    std::int64_t offset = -1;
    bool refused = false;
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
