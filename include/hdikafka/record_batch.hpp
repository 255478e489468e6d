// What a read returns: record_batch, a response cut into records that are slices of it.
#ifndef HDIKAFKA_RECORD_BATCH_HPP
#define HDIKAFKA_RECORD_BATCH_HPP

#include <hdikafka/detail/base/byte_buffer.hpp>
#include <hdikafka/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

namespace detail {

/// Where one record lies in the body.
struct record_slice
{
    std::string_view key;   // JSON text; data() == nullptr when the record has no key
    std::string_view value; // JSON text; data() == nullptr when the record has no value
    std::string_view timestamp_type;
    std::int64_t offset = 0;
    std::int64_t timestamp = -1;
    std::int32_t partition = 0;
};

} // namespace detail

/// One consumed record: slices of the batch it came in, valid as long as that batch or a copy of it.
/// Cheap to copy. Reading it from several threads at once is safe.
class record_view
{
public:
    record_view() = default;
    /// For the library's own use.
    explicit record_view(detail::record_slice const& slice) noexcept : slice_(slice) {}

    /// The key: nullopt when the record has none, which differs from a JSON null and from "".
    std::optional<json_view> key() const noexcept
    {
        if (!slice_.key.data())
            return std::nullopt;
        return json_view(detail::validated_json(), slice_.key);
    }

    /// The value; JSON null when the service sent none.
    json_view value() const noexcept
    {
        return slice_.value.data() ? json_view(detail::validated_json(), slice_.value) : json_view();
    }

    /// The partition that the record is in.
    std::int32_t partition() const noexcept { return slice_.partition; }
    /// Its offset there: increasing within a batch, with gaps.
    std::int64_t offset() const noexcept { return slice_.offset; }

    /// Milliseconds since 1970 UTC, or nullopt when the record has none (the service says -1 or nothing).
    std::optional<std::chrono::sys_time<std::chrono::milliseconds>> timestamp() const noexcept
    {
        if (slice_.timestamp < 0)
            return std::nullopt;
        return std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(slice_.timestamp));
    }

    /// "CREATE_TIME", "LOG_APPEND_TIME", … as the service wrote it; empty when it said nothing.
    std::string_view timestamp_type() const noexcept { return slice_.timestamp_type; }

private:
    detail::record_slice slice_;
};

namespace detail {

/// A parsed response: the bytes and the slices into them. The buffer's storage is on the heap and
/// never reallocated after parsing, so the slices stay valid wherever this moves.
struct batch_content
{
    byte_buffer body;
    std::vector<record_view> records;
    std::int64_t next_offset = 0;
    std::int32_t partition = 0;
};

} // namespace detail

/// A record_view that shares ownership of the bytes it looks at: valid for itself.
class shared_record : public record_view
{
public:
    shared_record() = default;
    /// What `view` shows, which `bytes` own. Made by record_batch::share() and record_stream::next_record().
    shared_record(record_view const& view, std::shared_ptr<void const> bytes) noexcept
        : record_view(view), bytes_(std::move(bytes))
    {}

private:
    std::shared_ptr<void const> bytes_;
};

/// The records of one read, in offset order. Owns the response that they are slices of: views stay
/// valid when the batch is moved, and while any copy of it lives (copies share the bytes). It never
/// changes once made, so several threads may read it at once.
class record_batch
{
public:
    using value_type = record_view;      ///< What the range is of.
    using iterator = record_view const*; ///< Contiguous; valid as long as the batch or a copy of it.
    using const_iterator = iterator;     ///< The same: a batch cannot be changed.

    record_batch() = default;
    /// For the library's own use.
    explicit record_batch(std::shared_ptr<detail::batch_content const> content) noexcept
        : content_(std::move(content)), next_offset_(content_ ? content_->next_offset : 0)
    {}

    /// How many records there are.
    std::size_t size() const noexcept { return content_ ? content_->records.size() - first_ : 0; }
    /// Whether there are none.
    bool empty() const noexcept { return size() == 0; }
    /// One record; `index` must be less than size().
    record_view const& operator[](std::size_t index) const noexcept
    {
        return content_->records[first_ + index];
    }
    /// The first record.
    iterator begin() const noexcept { return content_ ? content_->records.data() + first_ : nullptr; }
    /// Behind the last record.
    iterator end() const noexcept { return begin() + size(); }

    /// The batch without its first `count` records; shares the bytes.
    record_batch without_first(std::size_t count) const noexcept
    {
        record_batch rest(*this);
        rest.first_ = first_ + std::min(count, size());
        return rest;
    }

    /// For the library's own use: the same batch with another next_offset().
    record_batch followed_by(std::int64_t next) const noexcept
    {
        record_batch out(*this);
        out.next_offset_ = next;
        return out;
    }

    /// A record that keeps the bytes alive by itself; `index` must be less than size().
    shared_record share(std::size_t index) const { return shared_record((*this)[index], content_); }

    /// Where the next read goes on: past the last record, and past what the service said to skip. In a batch
    /// of a stream not past the end of the partition, whatever the service says.
    std::int64_t next_offset() const noexcept { return next_offset_; }
    /// The partition that was read.
    std::int32_t partition() const noexcept { return content_ ? content_->partition : 0; }

private:
    std::shared_ptr<detail::batch_content const> content_;
    std::size_t first_ = 0;
    std::int64_t next_offset_ = 0;
};

} // namespace hdikafka::inline v0_1

#endif
