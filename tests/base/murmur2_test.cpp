// The hash that places keyed records: it must agree with the Java client's on every byte.
#include <hdikafka/detail/base/murmur2.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using hdikafka::detail::murmur2;
using hdikafka::detail::partition_for_key;
using hdikafka::detail::to_positive;

TEST_CASE("murmur2 gives the Java client's published values")
{
    CHECK(murmur2("21") == -973932308);
    CHECK(murmur2("foobar") == -790332482);
    CHECK(murmur2("a-little-bit-long-string") == -985981536);
    CHECK(murmur2("a-little-bit-longer-string") == -1486304829);
    CHECK(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8") == -58897971);
    CHECK(murmur2("abc") == 479470107);
}

TEST_CASE("murmur2 takes bytes above 127 as unsigned, in the words and in the tail")
{
    // Computed by an independent implementation (Python, arbitrary precision).
    CHECK(murmur2("") == 275646681);
    CHECK(murmur2("\xff\xfe\xfd") == 998637092);
    CHECK(murmur2("\xff\xff\xff\xff\xff\xff\xff") == -71293549);
    CHECK(murmur2("cl\xc3\xa9") == 1419575574);
}

TEST_CASE("a negative hash becomes positive by clearing its sign bit")
{
    CHECK(to_positive(-973932308) == 1173551340);
    CHECK(to_positive(479470107) == 479470107);
    CHECK(to_positive(-1) == 2147483647);
    CHECK(to_positive(INT32_MIN) == 0);
}

TEST_CASE("the partition is the positive hash modulo the number of partitions")
{
    CHECK(partition_for_key("21", 1) == 0);
    CHECK(partition_for_key("21", 7) == 1173551340 % 7);
    CHECK(partition_for_key("abc", 3) == 479470107 % 3);
}
