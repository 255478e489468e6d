// The pretend cluster: topics with partitions on three brokers, where records go, and what the proxy's cached
// metadata shows of it.
#ifndef HDIKAFKA_DETAIL_EMULATOR_BROKER_HPP
#define HDIKAFKA_DETAIL_EMULATOR_BROKER_HPP

#include <hdikafka/detail/base/murmur2.hpp>
#include <hdikafka/detail/emulator/log.hpp>
#include <hdikafka/detail/rest/arguments.hpp>
#include <hdikafka/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
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

class emulator_topic
{
public:
    std::string name;
    std::int32_t replication_factor = 1;
    std::int32_t first_broker = 0; ///< Leads partition 0; the others follow in turn.
    std::map<std::string, std::string> properties;
    std::vector<emulator_log> partitions;
    std::uint32_t turn = 0; ///< The partition of the next record without a key.
    emulator_time shown_from;
    emulator_time shown_until = emulator_time::max(); ///< Later only for a deleted topic.

    bool shown(emulator_time now) const noexcept { return shown_from <= now && now < shown_until; }

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
    std::string value; ///< JSON text.
};

/// Where a record went, or why it was refused.
class emulator_placement
{
public:
    std::int32_t partition = 0;
    std::int64_t offset = -1;
    bool refused = false;
};

class emulator_broker
{
public:
    explicit emulator_broker(emulator_options options) : options_(std::move(options)) {}

    /// Shown by metadata after the visibility delay.
    result<void> create(std::string_view name, emulator_topic_config config, emulator_time now)
    {
        if (!valid_emulator_topic(name))
            return error(errc::invalid_topic, "a topic name is 1 to 249 of [a-zA-Z0-9._-], not . or ..");
        if (topics_.contains(name))
            return error(errc::already_exists, "topic '" + std::string(name) + "' already exists");
        std::int32_t const partitions = config.partition_count.value_or(1);
        if (partitions < 1 || partitions > options_.max_partitions())
            return error(errc::bad_request,
                         "partition_count must be 1 to " + std::to_string(options_.max_partitions()));
        std::int32_t const factor = config.replication_factor.value_or(emulator_broker_count);
        if (factor < 1 || factor > emulator_broker_count)
            return error(errc::bad_request, "replication_factor must be 1 to " +
                                                std::to_string(emulator_broker_count) +
                                                ", the number of brokers");
        if (topics_.size() >= options_.max_topics())
            return error(errc::service_failed, "the emulator holds its maximum of topics");

        emulator_topic topic;
        topic.name = name;
        topic.replication_factor = factor;
        topic.first_broker =
            std::exchange(next_first_broker_, (next_first_broker_ + 1) % emulator_broker_count);
        topic.properties = std::move(config.properties);
        topic.partitions.resize(static_cast<std::size_t>(partitions));
        topic.shown_from = now + options_.visibility_delay();
        topics_.emplace(name, std::move(topic));
        return {};
    }

    /// Gone for producers and consumers at once; metadata shows what it was for the visibility delay.
    result<void> remove(std::string_view name, emulator_time now)
    {
        auto const found = topics_.find(name);
        if (found == topics_.end())
            return no_topic(name);
        for (auto& log : found->second.partitions) {
            stored_bytes_ -= log.bytes();
            log.compact(log.earliest(), log.latest());
        }
        std::erase_if(ghosts_, [now](auto const& entry) { return !entry.second.shown(now); });
        if (options_.visibility_delay().count() > 0 && found->second.shown(now) &&
            ghosts_.size() < options_.max_topics()) {
            found->second.shown_until = now + options_.visibility_delay();
            ghosts_.insert_or_assign(found->first, std::move(found->second));
        }
        topics_.erase(found);
        return {};
    }

    /// All records or none. With `refused` > 0 the first ones of that number are refused one by one
    /// while the others are written.
    result<std::vector<emulator_placement>> produce(std::string_view name,
                                                    std::vector<emulator_new_record> records,
                                                    std::size_t refused, emulator_time now)
    {
        auto const found = topics_.find(name);
        if (found == topics_.end())
            return no_topic(name);
        emulator_topic& topic = found->second;
        auto const count = static_cast<std::int32_t>(topic.partitions.size());
        for (auto const& record : records)
            if (record.partition && (*record.partition < 0 || *record.partition >= count))
                return error(errc::bad_request, "partition " + std::to_string(*record.partition) +
                                                    " does not exist: topic '" + std::string(name) +
                                                    "' has " + std::to_string(count) + " partition(s)");

        std::vector<emulator_placement> placements;
        placements.reserve(records.size());
        if (stored_bytes_ >= options_.max_stored_bytes())
            return error(errc::service_failed, "the emulator holds its maximum of bytes");
        for (auto& record : records) {
            emulator_placement placement;
            placement.partition = place(topic, record);
            placement.refused = placements.size() < refused;
            if (!placement.refused)
                placement.offset = append(topic, placement.partition, std::move(record), now);
            placements.push_back(placement);
        }
        return placements;
    }

    /// A partition's log as producers and consumers see it; it may be changed through edit().
    result<emulator_log const*> log(std::string_view name, std::int64_t partition) const
    {
        auto const found = topics_.find(name);
        if (found == topics_.end())
            return no_topic(name);
        if (partition < 0 || partition >= static_cast<std::int64_t>(found->second.partitions.size()))
            return no_partition(name, partition);
        return &found->second.partitions[static_cast<std::size_t>(partition)];
    }

    /// Changes a partition's log and keeps account of what is stored.
    result<void> edit(std::string_view name, std::int64_t partition,
                      std::function<void(emulator_log&)> const& change)
    {
        auto const known = log(name, partition);
        if (!known)
            return known.error();
        emulator_log& log = topics_.find(name)->second.partitions[static_cast<std::size_t>(partition)];
        stored_bytes_ -= log.bytes();
        change(log);
        stored_bytes_ += log.bytes();
        return {};
    }

    /// All topics as they are, sorted.
    std::vector<std::string> topics() const
    {
        std::vector<std::string> names;
        for (auto const& [name, topic] : topics_)
            names.push_back(name);
        return names;
    }

    /// The topic as it is, or nothing.
    emulator_topic const* find(std::string_view name) const
    {
        auto const found = topics_.find(name);
        return found == topics_.end() ? nullptr : &found->second;
    }

    /// The topic as metadata shows it: for the visibility delay after a change, what it was before.
    result<emulator_topic const*> shown(std::string_view name, emulator_time now) const
    {
        if (auto const live = topics_.find(name); live != topics_.end() && live->second.shown(now))
            return &live->second;
        if (auto const ghost = ghosts_.find(name); ghost != ghosts_.end() && ghost->second.shown(now))
            return &ghost->second;
        return no_topic(name);
    }

    /// The names that metadata shows, sorted.
    std::vector<std::string> shown_topics(emulator_time now) const
    {
        std::set<std::string> names;
        for (topic_map const* const topics : {&topics_, &ghosts_})
            for (auto const& [name, topic] : *topics)
                if (topic.shown(now))
                    names.insert(name);
        return {names.begin(), names.end()};
    }

    static error no_topic(std::string_view name)
    {
        return error(errc::not_found, "topic '" + std::string(name) + "' does not exist");
    }

    static error no_partition(std::string_view name, std::int64_t partition)
    {
        return error(errc::not_found,
                     "topic '" + std::string(name) + "' has no partition " + std::to_string(partition));
    }

private:
    using topic_map = std::map<std::string, emulator_topic, std::less<>>;

    /// The partition asked for; else the key's, as the Java client hashes it; else each in turn.
    static std::int32_t place(emulator_topic& topic, emulator_new_record const& record)
    {
        auto const count = static_cast<std::int32_t>(topic.partitions.size());
        if (record.partition)
            return static_cast<std::int32_t>(*record.partition);
        if (record.key_bytes)
            return partition_for_key(*record.key_bytes, count);
        return static_cast<std::int32_t>(topic.turn++ % static_cast<std::uint32_t>(count));
    }

    std::int64_t append(emulator_topic& topic, std::int32_t partition, emulator_new_record record,
                        emulator_time now)
    {
        emulator_log& log = topic.partitions[static_cast<std::size_t>(partition)];
        emulator_record stored;
        stored.key = std::move(record.key);
        stored.value = std::move(record.value);
        stored.partition = partition;
        stored.timestamp = now;
        stored_bytes_ -= log.bytes();
        std::int64_t const offset = log.append(std::move(stored));
        log.retain(options_.retain_records());
        stored_bytes_ += log.bytes();
        return offset;
    }

    emulator_options options_;
    std::int32_t next_first_broker_ = 0;
    std::size_t stored_bytes_ = 0;
    topic_map topics_;
    topic_map ghosts_; ///< Deleted topics that metadata still shows.
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
