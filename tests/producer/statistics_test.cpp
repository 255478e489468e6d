// The figures that a producer keeps: how durations are spread.
#include <hdikafka/producer_statistics.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace hk = hdikafka;
using namespace std::chrono_literals;
using us = hk::duration_histogram::microseconds;

namespace {

hk::duration_histogram of(std::vector<us::rep> const& durations)
{
    hk::duration_histogram out;
    for (us::rep const one : durations)
        out.add(us(one));
    return out;
}

/// What the histogram says of one duration that is not the longest.
us read_back(us duration)
{
    hk::duration_histogram out;
    out.add(duration);
    out.add(us::max());
    return out.quantile(0.5);
}

} // namespace

TEST_CASE("without any durations all figures are zero")
{
    hk::duration_histogram const none;
    CHECK(none.count() == 0);
    CHECK(none.max() == 0us);
    CHECK(none.mean() == 0us);
    for (double const share : {0.0, 0.5, 1.0})
        CHECK(none.quantile(share) == 0us);
}

TEST_CASE("durations below sixteen microseconds are known exactly")
{
    for (us::rep i = 0; i != 16; ++i)
        CHECK(read_back(us(i)) == us(i));
}

TEST_CASE("longer durations are known to an eighth of themselves, and never as too short")
{
    std::mt19937_64 random(7);
    auto const check = [](us::rep value) {
        us::rep const read = read_back(us(value)).count();
        if (read < value || read > value + value / 8) {
            CAPTURE(value);
            CHECK(read == value);
        }
    };
    for (us::rep value = 8; value != 5'000; ++value)
        check(value);
    for (int bits = 12; bits != 41; ++bits) {
        us::rep const power = us::rep(1) << bits;
        for (us::rep const value : {power - 1, power, power + 1})
            check(value);
        for (int i = 0; i != 100; ++i)
            check(std::uniform_int_distribution<us::rep>(power, 2 * power - 1)(random));
    }
    check((us::rep(1) << 41) - 1); // 25 days
}

TEST_CASE("a longer duration never reads as shorter than a shorter one")
{
    us::rep before = 0;
    for (us::rep value = 0; value < us::rep(1) << 40; value += 1 + value / 50) {
        us::rep const read = read_back(us(value)).count();
        if (read < before)
            CHECK(read >= before);
        before = read;
    }
    CHECK(before > us::rep(1) << 39);
}

TEST_CASE("a quantile is what that share of the durations does not exceed")
{
    auto const seven = of({7, 1, 6, 2, 5, 3, 4});
    CHECK(seven.quantile(0) == 1us);
    CHECK(seven.quantile(0.001) == 1us);
    CHECK(seven.quantile(2.0 / 7) == 2us);
    CHECK(seven.quantile(0.5) == 4us);
    CHECK(seven.quantile(0.9) == 7us);
    CHECK(seven.quantile(1) == 7us);
    CHECK(of({3}).quantile(0) == 3us);
    CHECK(of({3}).quantile(1) == 3us);
    CHECK(of({0, 0, 5}).quantile(0.5) == 0us);
}

TEST_CASE("a share outside of 0 and 1 counts as the nearer end")
{
    auto const some = of({2, 3, 5});
    CHECK(some.quantile(-1) == 2us);
    CHECK(some.quantile(17) == 5us);
    CHECK(some.quantile(std::numeric_limits<double>::infinity()) == 5us);
}

TEST_CASE("no quantile exceeds the longest duration")
{
    CHECK(of({1'000'000}).quantile(0.5) == 1s);
    CHECK(of({1, 1'000'001}).quantile(1) == us(1'000'001));
}

TEST_CASE("the longest and the mean are exact")
{
    auto const some = of({10, 1'000'003, 20});
    CHECK(some.count() == 3);
    CHECK(some.max() == us(1'000'003));
    CHECK(some.mean() == us(1'000'033 / 3));
}

TEST_CASE("a duration that is added several times counts as often")
{
    hk::duration_histogram some;
    some.add(4us, 3);
    some.add(6us);
    CHECK(some.count() == 4);
    CHECK(some.mean() == 4us); // 18 / 4
    CHECK(some.quantile(0.75) == 4us);
    CHECK(some.quantile(0.76) == 6us);
}

TEST_CASE("a duration that is added no times at all leaves no trace")
{
    hk::duration_histogram some;
    some.add(1s, 0);
    CHECK(some.count() == 0);
    CHECK(some.max() == 0us);
}

TEST_CASE("a negative duration counts as none")
{
    auto const some = of({-5, std::numeric_limits<us::rep>::min()});
    CHECK(some.count() == 2);
    CHECK(some.max() == 0us);
    CHECK(some.mean() == 0us);
    CHECK(some.quantile(1) == 0us);
}

TEST_CASE("durations beyond all measure stay the longest")
{
    auto const some = of({1, us::max().count()});
    CHECK(some.count() == 2);
    CHECK(some.max() == us::max());
    CHECK(some.quantile(0.5) == 1us);
    CHECK(some.quantile(1) == us::max());
    CHECK(of({us::rep(1) << 45}).quantile(1) == us(us::rep(1) << 45));
}

TEST_CASE("the quantiles of many durations are those of the sorted list, to an eighth")
{
    std::mt19937_64 random(11);
    std::lognormal_distribution<double> spread(9, 2);
    hk::duration_histogram some;
    std::vector<us::rep> all;
    for (int i = 0; i != 20'000; ++i) {
        all.push_back(static_cast<us::rep>(spread(random)));
        some.add(us(all.back()));
    }
    std::ranges::sort(all);
    for (double const share : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999}) {
        CAPTURE(share);
        auto const rank = static_cast<std::size_t>(std::ceil(share * 20'000));
        us::rep const exact = all[rank - 1];
        CHECK(some.quantile(share).count() >= exact);
        CHECK(some.quantile(share).count() <= exact + exact / 8);
    }
}
