// Which partition a producer's records go to: a pure decision.
#ifndef HDIKAFKA_DETAIL_PRODUCER_PARTITION_CHOICE_HPP
#define HDIKAFKA_DETAIL_PRODUCER_PARTITION_CHOICE_HPP

#include <hdikafka/detail/base/murmur2.hpp>
#include <hdikafka/detail/base/random.hpp>
#include <hdikafka/detail/json/text.hpp>
#include <hdikafka/detail/json/writer.hpp>
#include <hdikafka/detail/producer/lane.hpp>
#include <hdikafka/detail/rest/requests.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// How a value of that valid text is written without choices of form: no blanks between its tokens, and its
/// strings with the escapes that they need (one that holds half of a surrogate pair stays as it is). Numbers
/// and the order of members stay: those are no matter of form to everybody.
inline std::string canonical_json(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at != text.size();) {
        char const now = text[at];
        std::size_t end = at + 1;
        if (now == '"') {
            while (text[end] != '"')
                end += text[end] == '\\' ? 2U : 1U;
            ++end;
            std::string decoded;
            if (!json_unescape(text.substr(at + 1, end - at - 2), decoded) ||
                !append_json_string(out, decoded))
                out += text.substr(at, end - at);
        } else if (now != ' ' && now != '\t' && now != '\n' && now != '\r') {
            out += now;
        }
        at = end;
    }
    return out;
}

/// The bytes that the Java client would hash: a string's UTF-8, else the JSON's canonical text; none of null.
inline std::optional<std::string> key_bytes(std::string_view key)
{
    if (key == "null")
        return std::nullopt;
    std::string decoded;
    if (key.front() == '"' && json_unescape(key.substr(1, key.size() - 2), decoded))
        return decoded;
    return canonical_json(key);
}

/// What a list of partitions tells those who choose one.
class topic_shape
{
public:
    /// Keys go by all partitions, whether they can be used or not, and by those that the list leaves out:
    /// else they would go elsewhere for as long as one cannot be used.
    static result<topic_shape> of(std::vector<partition_info> const& list)
    {
        std::int32_t last = -1;
        topic_shape out;
        for (partition_info const& one : list) {
            last = std::max(last, one.id);
            if (one.available())
                out.usable.push_back(one.id);
        }
        if (last < 0)
            return error(errc::invalid_response, "the topic has no partitions");
        if (last == std::numeric_limits<std::int32_t>::max())
            return error(errc::invalid_response, "the topic has too many partitions");
        out.count = last + 1;
        std::ranges::sort(out.usable);
        auto const twice = std::ranges::unique(out.usable);
        out.usable.erase(twice.begin(), twice.end());
        if (out.usable.size() == static_cast<std::size_t>(out.count))
            out.usable.clear();
        return out;
    }

    std::int32_t count = 0;
    std::vector<std::int32_t> usable; ///< Ascending; none when all can be used, or none.
};

/// What is known of a topic's partitions, and where the next record goes.
class partition_choice
{
public:
    bool known() const noexcept { return count_ > 0; }

    /// `count` is at least 1. `usable`: those of them, ascending, to which records without a key may go;
    /// without any, to all.
    void learned(std::int32_t count, std::vector<std::int32_t> usable = {}) noexcept
    {
        count_ = count;
        usable_ = std::move(usable);
        if (sticky_ &&
            (*sticky_ >= count || !(usable_.empty() || std::ranges::binary_search(usable_, *sticky_))))
            sticky_.reset();
    }

    /// For a record of that size without a partition of its own, once the count is known.
    result<std::int32_t> pick(partitioner const& who, std::string_view topic, record const& one,
                              std::size_t bytes, batch_limits const& limits, random_source& random)
    {
        if (who.custom())
            return ask(who.custom(), topic, one);
        std::optional<std::string> key;
        if (one.key())
            key = key_bytes(one.key()->text());
        if (key)
            return partition_for_key(*key, count_);
        // A full batch without keys is enough for one partition.
        bool const full =
            records_ >= limits.records || body_size(records_ + 1, bytes_ + bytes) > limits.bytes;
        if (!sticky_ || full)
            move_on(random);
        ++records_;
        bytes_ += bytes;
        return *sticky_;
    }

    /// All that waited for that partition has left: records without a key go elsewhere now.
    void emptied(std::int32_t partition, random_source& random) noexcept
    {
        if (sticky_ == partition)
            move_on(random);
    }

private:
    result<std::int32_t> ask(partitioner::function const& choose, std::string_view topic,
                             record const& one) const
    {
        try {
            std::int32_t const chosen = choose(topic, one, count_);
            if (chosen >= 0 && chosen < count_)
                return chosen;
            return error(errc::invalid_partition, "the partitioner chose " + std::to_string(chosen) + " of " +
                                                      std::to_string(count_) + " partitions");
        } catch (std::exception const& thrown) {
            return error(errc::invalid_partition, std::string("the partitioner threw: ") + thrown.what());
        } catch (...) {
            return error(errc::invalid_partition, "the partitioner threw what is no std::exception");
        }
    }

    /// To any but the present one, if there is another.
    void move_on(random_source& random) noexcept
    {
        records_ = 0;
        bytes_ = 0;
        auto const all = usable_.empty() ? count_ : static_cast<std::int32_t>(usable_.size());
        std::int32_t const others = all - (sticky_ ? 1 : 0);
        if (others == 0)
            return;
        auto drawn = static_cast<std::int32_t>(random.unit() * others);
        if (sticky_ && drawn >= place_of(*sticky_))
            ++drawn;
        sticky_ = usable_.empty() ? drawn : usable_[static_cast<std::size_t>(drawn)];
    }

    /// Among those that can be used.
    std::int32_t place_of(std::int32_t partition) const noexcept
    {
        if (usable_.empty())
            return partition;
        return static_cast<std::int32_t>(std::ranges::lower_bound(usable_, partition) - usable_.begin());
    }

    std::int32_t count_ = 0;
    std::vector<std::int32_t> usable_;   ///< Ascending; none: all.
    std::optional<std::int32_t> sticky_; ///< Where records without a key go.
    std::size_t records_ = 0;            ///< That went there since it was chosen.
    std::size_t bytes_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
