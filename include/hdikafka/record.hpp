// What a produce sends: record and records.
#ifndef HDIKAFKA_RECORD_HPP
#define HDIKAFKA_RECORD_HPP

#include <hdikafka/json.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

/// One record to produce: a value, a key if it has one, and a partition if the caller chooses it.
/// Without a partition the service places the record: by its key, or in turn without one.
class record
{
public:
    record() = default;
    /// A record without a key.
    explicit record(json value) : value_(std::move(value)) {}
    /// A record with a key, which may be JSON null: that is not the same as none.
    record(json key, json value) : key_(std::move(key)), value_(std::move(value)) {}

    /// Chooses the partition. A negative one is refused by produce with errc::invalid_partition.
    record& partition(std::int32_t id) &
    {
        partition_ = id;
        return *this;
    }
    record&& partition(std::int32_t id) && { return std::move(partition(id)); }

    /// The key, if it has one.
    std::optional<json> const& key() const noexcept { return key_; }
    /// The value; JSON null in a default-made record.
    json const& value() const noexcept { return value_; }
    std::optional<std::int32_t> partition() const noexcept { return partition_; }

private:
    std::optional<json> key_;
    json value_;
    std::optional<std::int32_t> partition_;
};

/// The records of one produce, in order. Made from records and bare values:
/// `hk::records("text", 3.14, hk::record("key", "value"))`. The variadic form is explicit, so that
/// `{"key", "value"}` is refused rather than taken for two records without a key.
class records
{
public:
    records() = default;
    /// One record.
    records(record one) { list_.push_back(std::move(one)); }
    /// The records of the list, in its order.
    records(std::vector<record> list) : list_(std::move(list)) {}

    /// One record for each argument: a record, or a value that converts to json and becomes one without a
    /// key.
    template <class... Items>
        requires(sizeof...(Items) > 0 &&
                 ((std::same_as<std::remove_cvref_t<Items>, record> || std::convertible_to<Items, json>) &&
                  ...))
    explicit records(Items&&... items)
    {
        list_.reserve(sizeof...(Items));
        (push_back(record(std::forward<Items>(items))), ...);
    }

    /// Adds a record at the end.
    void push_back(record one) { list_.push_back(std::move(one)); }
    /// Makes room for `count` records in all.
    void reserve(std::size_t count) { list_.reserve(count); }

    /// How many records there are. A produce of none fails with errc::no_records.
    std::size_t size() const noexcept { return list_.size(); }
    /// Whether there are none.
    bool empty() const noexcept { return list_.empty(); }
    /// One record; `index` must be less than size().
    record const& operator[](std::size_t index) const { return list_[index]; }
    /// The first record; valid until the list changes.
    std::vector<record>::const_iterator begin() const noexcept { return list_.begin(); }
    /// Behind the last record.
    std::vector<record>::const_iterator end() const noexcept { return list_.end(); }

private:
    std::vector<record> list_;
};

} // namespace hdikafka::inline v0_1

#endif
