// A consume answer cut into records: how much memory that takes.
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/record_batch.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

using namespace hdikafka::detail;

namespace {

std::atomic<std::size_t> allocations = 0;
std::atomic<std::size_t> allocated_bytes = 0;

/// An answer of this many records.
byte_buffer answer_of(std::int64_t count)
{
    std::string text = "[";
    for (std::int64_t i = 0; i != count; ++i)
        text += (i == 0 ? R"({"offset":)" : R"(,{"offset":)") + std::to_string(i) +
                R"(,"key":"k","value":"v","timestamp":1,"timestampType":"CREATE_TIME"})";
    text += "]";
    byte_buffer out;
    out.append(text);
    return out;
}

} // namespace

// Every allocation of this program is counted.
void* operator new(std::size_t size)
{
    ++allocations;
    allocated_bytes += size;
    if (void* const memory = std::malloc(size != 0 ? size : 1))
        return memory;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("the number of allocations does not grow with the number of records")
{
    auto const needed = [](std::int64_t count, std::int32_t asked) {
        byte_buffer body = answer_of(count);
        std::size_t const before = allocations;
        auto const parsed = parse_batch(std::move(body), "5", {0, 0, asked});
        std::size_t const made = allocations - before;
        REQUIRE(parsed);
        CHECK(parsed.value().size() == static_cast<std::size_t>(count));
        return made;
    };
    std::size_t const for_one = needed(1, 1);
    CHECK(for_one > 0);
    CHECK(for_one <= 3);
    CHECK(needed(10, 10) == for_one);
    CHECK(needed(5000, 5000) == for_one);
    CHECK(needed(5000, 2147483647) == for_one);
    CHECK(needed(1, 2147483647) == for_one);
}

TEST_CASE("a small body does not make a large count reserve much")
{
    byte_buffer body = answer_of(1);
    std::size_t const before = allocated_bytes;
    auto const parsed = parse_batch(std::move(body), "1", {0, 0, 2147483647}); // 2^31 slices would be 200 GB
    std::size_t const taken = allocated_bytes - before;
    REQUIRE(parsed);
    CHECK(parsed.value().size() == 1);
    CHECK(taken < 4096);
}
