// The answer to a read: records from an offset on, or why there are none.
#ifndef HDIKAFKA_DETAIL_EMULATOR_READING_HPP
#define HDIKAFKA_DETAIL_EMULATOR_READING_HPP

#include <hdikafka/detail/emulator/broker.hpp>
#include <hdikafka/detail/emulator/codec.hpp>
#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/emulator/options.hpp>
#include <hdikafka/detail/emulator/refusal.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail::emulation {

/// The query of a read: `count`, once, or nothing.
inline result<std::int64_t> read_count_parameter(emulator_pairs const& query)
{
    std::optional<std::int64_t> count;
    for (auto const& [name, value] : query) {
        if (name != "count")
            return bad_body("the query parameter " + excerpt(name) + " is not known; known is count");
        if (count)
            return bad_body("the query parameter 'count' is given twice");
        count = parse_number(value);
        if (!count || *count < 1 || *count > std::numeric_limits<std::int32_t>::max())
            return bad_body("the query parameter 'count' must be 1 to 2147483647");
    }
    return count.value_or(1);
}

/// The bytes of a key or value as Kafka stores them.
inline std::size_t data_size(std::string_view json)
{
    return json.empty() ? 0 : key_bytes(json).value_or(std::string()).size();
}

/// A read's body while it grows.
class emulator_read_body
{
public:
    emulator_read_body(emulator_options const& options, emulator_quirks const& quirks)
        : object_(options.consume_answer() == emulator_consume_answer::object),
          form_(options.value_form()),
          body_cap_(quirks.max_read_bytes() ? std::numeric_limits<std::size_t>::max() : options.read_cap()),
          data_cap_(quirks.max_read_bytes()),
          text_(object_ ? "{\"records\":[" : "[")
    {}

    /// False when it does not fit, and is not in the body.
    bool add(emulator_record const& record)
    {
        std::size_t const before = text_.size();
        if (std::exchange(begun_, true))
            text_ += ',';
        append_record(text_, record, form_);
        if (data_cap_)
            data_ += data_size(record.value) + (record.key ? data_size(*record.key) : 0);
        if (text_.size() + end().size() <= body_cap_ && (!data_cap_ || data_ <= *data_cap_))
            return true;
        text_.resize(before);
        return false;
    }

    std::string finish() &&
    {
        text_ += end();
        return std::move(text_);
    }

private:
    std::string_view end() const noexcept { return object_ ? "]}" : "]"; }

    bool object_;
    emulator_value_form form_;
    std::size_t body_cap_;
    std::optional<std::size_t> data_cap_;
    std::size_t data_ = 0;
    bool begun_ = false;
    std::string text_;
};

/// With the NextOffset of that form; `next` is the exact one.
inline emulator_answer read_answer(emulator_read_body body, emulator_next_offset form, std::int64_t asked,
                                   std::int64_t next)
{
    emulator_answer answer(200, std::move(body).finish());
    switch (form) {
    case emulator_next_offset::absent: return answer;
    case emulator_next_offset::exact: break;
    case emulator_next_offset::asked: next = asked; break;
    case emulator_next_offset::behind: next = std::max<std::int64_t>(asked - 1, 0); break;
    case emulator_next_offset::absurd: next = std::numeric_limits<std::int64_t>::max(); break;
    }
    answer.field("NextOffset", std::to_string(next));
    return answer;
}

inline emulator_answer out_of_range_answer(emulator_log const& log, std::string_view topic,
                                           std::int64_t partition, std::int64_t offset, int status)
{
    return proxy_error(status, "offset " + std::to_string(offset) + " is out of range: partition " +
                                   std::to_string(partition) + " of topic '" + std::string(topic) +
                                   "' has offsets " + std::to_string(log.earliest()) + " to " +
                                   std::to_string(log.latest()));
}

/// Records from the offset on, as many as were asked for and as fit; after a gap the records behind it.
/// NextOffset passes over a gap at the end, as a consumer's position does.
inline emulator_answer records_answer(emulator_log const& log, emulator_trouble& trouble,
                                      emulator_options const& options, emulator_quirks const& quirks,
                                      std::int64_t offset, std::int64_t count)
{
    emulator_read_body body(options, quirks);
    auto const end = log.all().end();
    bool const outside = offset < log.earliest() || offset > log.latest();
    auto record = outside ? end : log.at_or_after(offset);
    bool const in_gap = !outside && offset < log.latest() && (record == end || record->offset != offset);
    if (in_gap && (record == end || quirks.empty_in_gaps())) {
        bool const led_out = quirks.gap_next_offset() || !quirks.empty_in_gaps();
        std::int64_t const behind = record == end ? log.latest() : record->offset;
        return read_answer(std::move(body), quirks.gap_next_offset().value_or(options.next_offset()), offset,
                           led_out ? behind : offset);
    }
    std::int64_t next = offset;
    for (; record != end && count > 0 && body.add(*record); ++record, --count) {
        if (auto const status = trouble.take_failure(record->offset))
            return proxy_error(*status,
                               "the record at offset " + std::to_string(record->offset) + " cannot be read");
        next = record->offset + 1;
    }
    return read_answer(std::move(body), options.next_offset(), offset, next);
}

inline emulator_answer consume_answer(emulator_broker& broker, emulator_options const& options,
                                      emulator_target const& target, emulator_view const& view)
{
    std::string const& topic = target.segments[3];
    auto const partition = parse_number(target.segments[5]);
    auto const offset = parse_number(target.segments[7]);
    if (!partition || !offset)
        return proxy_error(400, "the partition and the offset must be numbers");
    auto const count = read_count_parameter(target.query);
    if (!count)
        return refusal(count.error());
    if (!broker.admits(topic, view))
        return refusal(emulator_broker::no_topic(topic));
    auto const known = broker.readable(topic, *partition, view.now);
    if (!known)
        return refusal(known.error());
    emulator_trouble& trouble = *broker.trouble(topic, *partition).value();
    if (broker.silences().take(topic, *partition, view.now) || trouble.take_silence(*offset))
        return read_answer(emulator_read_body(options, broker.quirks()),
                           broker.quirks().silent_next_offset().value_or(options.next_offset()), *offset,
                           *offset);
    emulator_log const& log = *known.value();
    bool const outside = *offset < log.earliest() || *offset > log.latest();
    if (outside && options.out_of_range_status() != 200)
        return out_of_range_answer(log, topic, *partition, *offset, options.out_of_range_status());
    return records_answer(log, trouble, options, broker.quirks(), *offset, count.value());
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
