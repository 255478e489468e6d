// Feeds an incremental reader the same bytes in many ways: whole, in two pieces cut at every place, and
// byte by byte. The outcome has to be the same each time.
#ifndef HDIKAFKA_TESTS_SUPPORT_SPLIT_HPP
#define HDIKAFKA_TESTS_SUPPORT_SPLIT_HPP

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace test {

using pieces = std::vector<std::string_view>;

/// Gives `reader` the bytes as it makes room for them, and returns how many it took before it was done.
template <class Reader>
std::size_t feed(Reader& reader, pieces const& input)
{
    std::size_t taken = 0;
    for (std::string_view piece : input) {
        while (!piece.empty()) {
            auto const room = reader.prepare();
            REQUIRE(room.empty() == (reader.done() || reader.failed()));
            if (room.empty())
                return taken;
            auto const n = std::min(room.size(), piece.size());
            std::memcpy(room.data(), piece.data(), n);
            reader.commit(n);
            piece.remove_prefix(n);
            taken += n;
        }
    }
    return taken;
}

inline pieces byte_by_byte(std::string_view bytes)
{
    pieces single;
    for (std::size_t i = 0; i != bytes.size(); ++i)
        single.push_back(bytes.substr(i, 1));
    return single;
}

/// The outcome of `run(pieces)`, which has to be comparable. Long inputs are cut in two at a thousand
/// places only; byte by byte they are cut at each.
template <class Run>
auto same_for_every_split(std::string_view bytes, Run run)
{
    auto whole = run(pieces{bytes});
    CHECK(run(byte_by_byte(bytes)) == whole);
    std::size_t const step = 1 + bytes.size() / 8192 * 8;
    for (std::size_t cut = 1; cut < bytes.size(); cut += step) {
        if (run(pieces{bytes.substr(0, cut), bytes.substr(cut)}) == whole)
            continue;
        CAPTURE(cut);
        FAIL_CHECK("another outcome when the bytes are cut in two");
    }
    return whole;
}

} // namespace test

#endif
