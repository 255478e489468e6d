// Topics, partitions and brokers.
#ifndef HDIKAFKA_METADATA_HPP
#define HDIKAFKA_METADATA_HPP

#include <hdikafka/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

/// How a topic is to be created. What is not set is left to the cluster's defaults.
class topic_config
{
public:
    /// A property's Kafka name and its value.
    using property = std::pair<std::string, json>;

    /// Number of partitions, at least 1.
    topic_config& partition_count(std::int32_t count) &
    {
        partition_count_ = count;
        return *this;
    }
    topic_config&& partition_count(std::int32_t count) && { return std::move(partition_count(count)); }

    /// Number of replicas of each partition, at least 1.
    topic_config& replication_factor(std::int32_t count) &
    {
        replication_factor_ = count;
        return *this;
    }
    topic_config&& replication_factor(std::int32_t count) && { return std::move(replication_factor(count)); }

    /// Sets a topic property by its Kafka name ("retention.ms", "min.insync.replicas", …). Setting
    /// one again replaces it.
    topic_config& set(std::string name, json value) &
    {
        for (auto& [known, old] : properties_)
            if (known == name) {
                old = std::move(value);
                return *this;
            }
        properties_.emplace_back(std::move(name), std::move(value));
        return *this;
    }
    topic_config&& set(std::string name, json value) &&
    {
        return std::move(set(std::move(name), std::move(value)));
    }

    std::optional<std::int32_t> partition_count() const noexcept { return partition_count_; }
    std::optional<std::int32_t> replication_factor() const noexcept { return replication_factor_; }
    /// The properties in the order in which they were first set.
    std::vector<property> const& properties() const noexcept { return properties_; }

private:
    std::optional<std::int32_t> partition_count_;
    std::optional<std::int32_t> replication_factor_;
    std::vector<property> properties_;
};

/// A broker of the cluster, as the service names it.
class broker
{
public:
    broker() = default;

    std::int32_t id = -1;  ///< Its id in the cluster; -1 when it is none.
    std::string host;      ///< Its host name, as its cluster knows it.
    std::int32_t port = 0; ///< The port of the Kafka protocol.
    std::string rack;      ///< Empty when the broker has none.
};

/// A partition, its watermarks and its replicas. One that cannot be used at the moment is in a list as well,
/// and says so: see available().
class partition_info
{
public:
    partition_info() = default;

    std::int32_t id = 0;              ///< Its number in the topic, from 0.
    std::int64_t earliest_offset = 0; ///< The first offset that still exists; -1 when it is not known.
    std::int64_t latest_offset = 0;   ///< The high watermark: the offset that the next record gets; -1 when
                                      ///< it is not known.
    broker leader;                    ///< Its id is -1 when the partition has no leader.
    std::vector<broker> replicas;     ///< The brokers that hold it.
    std::vector<broker> in_sync_replicas; ///< Those of them that are up to date.

    /// Whether it can be read: its watermarks are known, and none lies below the other. They are not while it
    /// has no leader.
    bool available() const noexcept { return earliest_offset >= 0 && latest_offset >= earliest_offset; }
};

} // namespace hdikafka::inline v0_1

#endif
