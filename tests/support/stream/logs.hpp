// What tests of streams write and read.
#ifndef HDIKAFKA_TESTS_SUPPORT_LOGS_HPP
#define HDIKAFKA_TESTS_SUPPORT_LOGS_HPP

#include <hdikafka.hpp>
#include <hdikafka/emulator.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace test {

namespace hk = hdikafka;

using offsets = std::vector<std::int64_t>;
using by_partition = std::map<std::int32_t, offsets>;

/// Appends so many records, of about `bytes` bytes, to the topic "orders".
inline void fill(hk::emulator& emulator, int count, std::int32_t partition = 0, std::size_t bytes = 1)
{
    for (int i = 0; i < count; ++i)
        emulator.append("orders", hk::record(std::string(bytes, 'x')).partition(partition));
}

inline offsets from_to(std::int64_t from, std::int64_t to)
{
    offsets out;
    for (; from < to; ++from)
        out.push_back(from);
    return out;
}

/// The offsets of a batch are those that follow.
inline void note(by_partition& seen, hk::record_batch const& batch)
{
    for (auto const& record : batch)
        seen[batch.partition()].push_back(record.offset());
}

/// Over how many connections the emulator was read from so far.
inline std::size_t connections(hk::emulator const& emulator)
{
    std::set<std::uint64_t> out;
    for (auto const& call : emulator.calls())
        if (call.route != hk::emulator_route::token)
            out.insert(call.connection);
    return out.size();
}

} // namespace test

#endif
