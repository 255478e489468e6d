// The pretend cluster: topics with partitions on three brokers, where records go, and what the proxy's cached
// metadata shows of it.
#ifndef HDIKAFKA_DETAIL_EMULATOR_BROKER_HPP
#define HDIKAFKA_DETAIL_EMULATOR_BROKER_HPP

#include <hdikafka/detail/base/murmur2.hpp>
#include <hdikafka/detail/emulator/topic.hpp>
#include <hdikafka/result.hpp>

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

class emulator_broker
{
public:
    explicit emulator_broker(emulator_options options)
        : options_(std::move(options)), quirks_(options_.quirks())
    {}

    emulator_quirks const& quirks() const noexcept { return quirks_; }
    void quirks(emulator_quirks value) { quirks_ = std::move(value); }

    /// Usable, and shown by metadata, as late as the options and quirks say.
    result<void> create(std::string_view name, emulator_topic_config config, emulator_time now)
    {
        if (config.partition_count.value_or(1) < 1)
            return bad_partition_count();
        auto const made = insert(name, std::move(config));
        if (!made)
            return made.error();
        emulator_topic& topic = *made.value();
        topic.visibility = emulator_visibility(later(now, options_.visibility_delay()));
        topic.partitions_from = later(now, quirks_.partitions_after());
        topic.leaders_from = later(now, quirks_.leaders_after());
        return {};
    }

    /// Behind everybody's back: usable and shown at once, and it may be without partitions.
    result<void> add(std::string_view name, emulator_topic_config config)
    {
        auto const made = insert(name, std::move(config));
        if (!made)
            return made.error();
        made.value()->visibility = emulator_visibility::everywhere();
        return {};
    }

    /// More partitions than there are, in all.
    result<void> add_partitions(std::string_view name, std::int32_t total)
    {
        auto const found = topics_.find(name);
        if (found == topics_.end())
            return no_topic(name);
        if (total > options_.max_partitions())
            return bad_partition_count();
        if (total <= static_cast<std::int32_t>(found->second.partitions.size()))
            return error(errc::bad_request, "topic '" + std::string(name) + "' has " +
                                                std::to_string(found->second.partitions.size()) +
                                                " partition(s) already");
        found->second.resize(total);
        return {};
    }

    /// Gone for producers and consumers at once; metadata shows what it was for as long as the options and
    /// quirks say.
    result<void> remove(std::string_view name, emulator_time now)
    {
        auto const found = topics_.find(name);
        if (found == topics_.end())
            return no_topic(name);
        emulator_topic ghost = take(found);
        ghost.visibility.remove(now, later(now, options_.visibility_delay()), quirks_);
        std::erase_if(ghosts_, [&](auto const& entry) {
            return !entry.second.visibility.shown_anywhere(now, quirks_);
        });
        if (ghost.visibility.shown_anywhere(now, quirks_) && ghosts_.size() < options_.max_topics())
            ghosts_.insert_or_assign(ghost.name, std::move(ghost));
        return {};
    }

    /// Gone at once, in metadata as well.
    result<void> drop(std::string_view name)
    {
        auto const found = topics_.find(name);
        if (found == topics_.end())
            return no_topic(name);
        take(found);
        return {};
    }

    /// Deletes it and makes it anew, as it was created but without a record.
    result<void> recreate(std::string_view name)
    {
        auto const found = topics_.find(name);
        if (found == topics_.end())
            return no_topic(name);
        emulator_topic const old = take(found);
        emulator_topic_config config;
        config.partition_count = static_cast<std::int32_t>(old.partitions.size());
        config.replication_factor = old.replication_factor;
        config.properties = old.properties;
        return add(old.name, std::move(config));
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
        auto const where = places(topic, records, now);
        if (!where)
            return where.error();
        if (stored_bytes_ >= options_.max_stored_bytes())
            return error(errc::service_failed, "the emulator holds its maximum of bytes");
        std::vector<emulator_placement> placements(records.size());
        for (std::size_t n = 0; n < records.size(); ++n) {
            placements[n].partition = where.value()[n];
            placements[n].refused = n < refused;
            if (n >= refused)
                placements[n].offset = append(topic, where.value()[n], std::move(records[n]), now);
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

    /// A partition's log for a consumer: 404 without one, and whatever the quirks say without a leader.
    result<emulator_log const*> readable(std::string_view name, std::int64_t partition,
                                         emulator_time now) const
    {
        auto known = log(name, partition);
        if (!known)
            return known.error();
        emulator_topic const& topic = topics_.find(name)->second;
        if (partition >= static_cast<std::int64_t>(topic.partition_count(now)))
            return no_partition(name, partition);
        if (!topic.has_leader(static_cast<std::size_t>(partition), now))
            return no_leader(topic, static_cast<std::int32_t>(partition));
        return known;
    }

    /// What is wrong with a partition, to be changed.
    result<emulator_trouble*> trouble(std::string_view name, std::int64_t partition)
    {
        auto const known = log(name, partition);
        if (!known)
            return known.error();
        return &topics_.find(name)->second.troubles[static_cast<std::size_t>(partition)];
    }

    result<void> silence(emulator_silence silence)
    {
        if (!silence.topic.empty() && !topics_.contains(silence.topic))
            return no_topic(silence.topic);
        if (!silence.topic.empty() && silence.partition)
            if (auto const known = log(silence.topic, *silence.partition); !known)
                return known.error();
        silences_.add(std::move(silence));
        return {};
    }

    emulator_silences& silences() noexcept { return silences_; }

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

    /// The topic as metadata shows it: for a while after a change, what it was before.
    result<emulator_topic const*> shown(std::string_view name, emulator_view const& view) const
    {
        for (topic_map const* const topics : {&topics_, &ghosts_})
            if (auto const found = topics->find(name);
                found != topics->end() && found->second.visibility.shown(view, quirks_))
                return &found->second;
        return no_topic(name);
    }

    /// The names that metadata shows, sorted.
    std::vector<std::string> shown_topics(emulator_view const& view) const
    {
        std::set<std::string> names;
        for (topic_map const* const topics : {&topics_, &ghosts_})
            for (auto const& [name, topic] : *topics)
                if (topic.visibility.shown(view, quirks_))
                    names.insert(name);
        return {names.begin(), names.end()};
    }

    /// Whether a node lets producers and consumers through to the topic.
    bool admits(std::string_view name, emulator_view const& view) const
    {
        return quirks_.nodes() == 1 || shown(name, view);
    }

    /// A node has answered a request that concerns a topic, or all of them.
    void looked(std::optional<std::string_view> name, std::size_t node)
    {
        for (topic_map* const topics : {&topics_, &ghosts_})
            for (auto& [known, topic] : *topics)
                if (!name || *name == known)
                    topic.visibility.looked(node);
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

    error bad_partition_count() const
    {
        return error(errc::bad_request,
                     "partition_count must be 1 to " + std::to_string(options_.max_partitions()));
    }

    error no_leader(emulator_topic const& topic, std::int32_t partition) const
    {
        diagnostics info;
        info.http_status = quirks_.leaderless_status();
        return error(errc::service_failed, std::move(info),
                     "partition " + std::to_string(partition) + " of topic '" + topic.name +
                         "' has no leader");
    }

    result<emulator_topic*> insert(std::string_view name, emulator_topic_config config)
    {
        if (!valid_emulator_topic(name))
            return error(errc::invalid_topic, "a topic name is 1 to 249 of [a-zA-Z0-9._-], not . or ..");
        if (topics_.contains(name))
            return error(errc::already_exists, "topic '" + std::string(name) + "' already exists");
        std::int32_t const partitions = config.partition_count.value_or(1);
        if (partitions < 0 || partitions > options_.max_partitions())
            return bad_partition_count();
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
        topic.resize(partitions);
        return &topics_.emplace(name, std::move(topic)).first->second;
    }

    /// Takes the topic out, without its records.
    emulator_topic take(topic_map::iterator found)
    {
        emulator_topic out = std::move(found->second);
        topics_.erase(found);
        for (auto& log : out.partitions) {
            stored_bytes_ -= log.bytes();
            log.compact(log.earliest(), log.latest());
        }
        return out;
    }

    /// The partition of each record, or why they cannot all be taken.
    result<std::vector<std::int32_t>>
    places(emulator_topic& topic, std::vector<emulator_new_record> const& records, emulator_time now) const
    {
        auto const count = static_cast<std::int32_t>(topic.partition_count(now));
        if (count == 0)
            return error(errc::service_failed, "topic '" + topic.name + "' has no partitions yet");
        for (auto const& record : records)
            if (record.partition && (*record.partition < 0 || *record.partition >= count))
                return error(errc::bad_request, "partition " + std::to_string(*record.partition) +
                                                    " does not exist: topic '" + topic.name + "' has " +
                                                    std::to_string(count) + " partition(s)");
        std::vector<std::int32_t> out;
        for (auto const& record : records) {
            out.push_back(place(topic, record, count, now));
            if (!topic.has_leader(static_cast<std::size_t>(out.back()), now))
                return no_leader(topic, out.back());
        }
        return out;
    }

    /// The partition asked for; else the key's, as the Java client hashes it; else each in turn that has a
    /// leader.
    static std::int32_t place(emulator_topic& topic, emulator_new_record const& record, std::int32_t count,
                              emulator_time now)
    {
        if (record.partition)
            return static_cast<std::int32_t>(*record.partition);
        if (record.key_bytes)
            return partition_for_key(*record.key_bytes, count);
        auto const next = [&] {
            return static_cast<std::int32_t>(topic.turn++ % static_cast<std::uint32_t>(count));
        };
        std::int32_t out = next();
        for (std::int32_t tries = 1; tries < count && !topic.has_leader(static_cast<std::size_t>(out), now);
             ++tries)
            out = next();
        return out;
    }

    std::int64_t append(emulator_topic& topic, std::int32_t partition, emulator_new_record record,
                        emulator_time now)
    {
        emulator_log& log = topic.partitions[static_cast<std::size_t>(partition)];
        emulator_record stored;
        stored.key = std::move(record.key);
        stored.value = std::move(record.value);
        stored.partition = partition;
        stored.timestamp = record.stamped ? record.timestamp : now;
        stored_bytes_ -= log.bytes();
        std::int64_t const offset = log.append(std::move(stored));
        log.retain(options_.retain_records());
        stored_bytes_ += log.bytes();
        return offset;
    }

    emulator_options options_;
    emulator_quirks quirks_;
    emulator_silences silences_;
    std::int32_t next_first_broker_ = 0;
    std::size_t stored_bytes_ = 0;
    topic_map topics_;
    topic_map ghosts_; ///< Deleted topics that metadata still shows.
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
