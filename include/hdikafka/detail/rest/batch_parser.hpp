// A consume answer cut into records: one validating pass over the body, slices instead of copies.
#ifndef HDIKAFKA_DETAIL_REST_BATCH_PARSER_HPP
#define HDIKAFKA_DETAIL_REST_BATCH_PARSER_HPP

#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/detail/rest/record_fault.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// What was asked for, which the answer is held against.
class batch_request
{
public:
    batch_request(std::int32_t id, std::int64_t from, std::int32_t at_most,
                  std::int64_t before = std::numeric_limits<std::int64_t>::max())
        : partition(id), offset(from), count(at_most), end(before)
    {}

    std::int32_t partition;
    std::int64_t offset;
    std::int32_t count;
    std::int64_t end; ///< Records from here on are not wanted.
};

/// Reads one ConsumeRecord. A member that comes twice makes the record ambiguous, hence refused.
class slice_reader
{
public:
    /// Flattened: in a large program the compiler would else call a function for each comparison of a name.
    [[gnu::flatten]] bool read(json_reader& in, record_slice& out)
    {
        seen_ = 0;
        bool const read = read_object(in, [&](std::string_view name) { return member(in, name, out); });
        return read && (seen_ & has_offset) != 0 && out.offset >= 0 &&
               out.offset < std::numeric_limits<std::int64_t>::max();
    }

private:
    enum : unsigned char
    {
        has_key = 1,
        has_value = 2,
        has_partition = 4,
        has_offset = 8,
        has_timestamp = 16,
        has_type = 32
    };

    bool member(json_reader& in, std::string_view name, record_slice& out)
    {
        if (name == "key")
            return first(has_key) && in.value(out.key);
        if (name == "value")
            return first(has_value) && in.value(out.value);
        if (name == "partition")
            return first(has_partition) && read_int32(in, out.partition);
        if (name == "offset")
            return first(has_offset) && in.integer(out.offset);
        if (name == "timestamp")
            return first(has_timestamp) &&
                   (in.peek() == json_kind::null ? in.skip() : in.integer(out.timestamp));
        if (name == "timestampType")
            return first(has_type) &&
                   (in.peek() == json_kind::string ? in.string(out.timestamp_type) : in.skip());
        return in.skip();
    }

    bool first(unsigned bit) noexcept
    {
        bool const fresh = (seen_ & bit) == 0;
        seen_ |= bit;
        return fresh;
    }

    unsigned seen_ = 0;
};

/// The NextOffset field: absent, or an offset. Anything else makes the answer invalid. The largest number is
/// as good as absent: no record can be there, and nothing be read from there on.
template <class = void>
result<std::optional<std::int64_t>> parse_next_offset(std::optional<std::string_view> field)
{
    if (!field)
        return std::optional<std::int64_t>();
    std::int64_t value = 0;
    auto const [end, failure] = std::from_chars(field->data(), field->data() + field->size(), value);
    if (failure != std::errc() || end != field->data() + field->size() || value < 0)
        return error(errc::invalid_response, "the NextOffset field is not an offset");
    bool const beyond = value == std::numeric_limits<std::int64_t>::max();
    return beyond ? std::optional<std::int64_t>() : std::optional<std::int64_t>(value);
}

/// What comes of an answer that stopped being one where `in` stands, before which there were only records
/// that end before `next` and of which none is wanted: the error, or nullopt when the record that cannot be
/// read is not wanted either, nor any before it.
template <class = void>
std::optional<error> broken_answer(std::string_view body, json_reader const& in, batch_request const& asked,
                                   std::int64_t next)
{
    error whole = unexpected_body(in, "a list of records of partition " + std::to_string(asked.partition));
    auto const start = start_of_torn_record(body, in);
    if (!start)
        return whole;
    auto offset = torn_record::offset_of(body.substr(*start), asked.partition);
    bool const possible = offset && *offset >= std::max(asked.offset, next) &&
                          *offset < std::numeric_limits<std::int64_t>::max();
    if (!possible)
        offset.reset();
    if (offset && *offset >= asked.end)
        return std::nullopt;
    std::string cause = offset ? "the record at offset " + std::to_string(*offset)
                               : "the first record from offset " + std::to_string(asked.offset) + " on";
    cause += " cannot be read: ";
    cause += in.failed() ? describe_fault(in, "the answer") : "the answer is not what the API describes";
    diagnostics info;
    info.offset = offset;
    return error(whole.code(), std::move(info), cause);
}

/// Parses a bare array of records or an object with `records`. Records outside the range asked for are
/// dropped. Offsets that do not rise make the answer invalid. Of an answer that stops being one, the records
/// before that place are the batch, which ends behind the last of them; without any it is an error, whose
/// info().offset tells which record is at fault if it is one, and can be told.
template <class = void>
result<record_batch> parse_batch(byte_buffer body, std::optional<std::string_view> next_offset_field,
                                 batch_request const& asked, std::size_t json_depth = json_reader::max_depth)
{
    auto next_offset = parse_next_offset(next_offset_field);
    if (!next_offset)
        return next_offset.error();

    auto content = std::make_shared<batch_content>();
    content->body = std::move(body);
    content->partition = asked.partition;

    // A record is at least {"offset":0}, so that a small body bounds what a large count may reserve.
    std::size_t const least = sizeof(R"({"offset":0},)") - 1;
    content->records.reserve(
        std::min<std::size_t>(static_cast<std::size_t>(asked.count), content->body.size() / least));

    json_reader in(content->body.view(), json_depth);
    slice_reader slices;
    bool ordered = true;
    std::int64_t next = 0;
    auto const element = [&] {
        record_slice slice;
        slice.partition = asked.partition;
        if (!slices.read(in, slice) || slice.partition != asked.partition)
            return false;
        ordered = ordered && slice.offset >= next;
        next = slice.offset + 1;
        if (slice.offset >= asked.offset && slice.offset < asked.end)
            content->records.emplace_back(slice);
        return true;
    };
    bool const read = in.peek() == json_kind::array ? read_array(in, element) && in.finish()
                                                    : read_list_in_object(in, "records", element);
    if (!ordered)
        return error(errc::invalid_response, "the records' offsets do not rise");
    if (!read) {
        bool const any = !content->records.empty() || next > asked.end;
        auto const broken = any ? std::nullopt : broken_answer<>(content->body.view(), in, asked, next);
        if (broken)
            return *broken;
        next_offset = std::optional<std::int64_t>(any ? next : asked.end);
    }
    next = std::max({next, next_offset.value().value_or(0), asked.offset});
    content->next_offset = std::min(next, std::max(asked.end, asked.offset));
    return record_batch(std::move(content));
}

} // namespace hdikafka::inline v0_1::detail

#endif
