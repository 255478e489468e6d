// Calls with random policies and deadlines, before a service that is down for a while: an outage that ends in
// time fails none, no wait is shorter than its certain half, and none goes past the deadline.
#include <hdikafka/detail/call/retry.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>

namespace hk = hdikafka;
using namespace hdikafka::detail;
using namespace std::chrono_literals;
using hk::milliseconds;

namespace {

using random_engine = std::mt19937_64;

int up_to(random_engine& random, int most) { return std::uniform_int_distribution<int>(0, most)(random); }
bool chance(random_engine& random, int percent) { return up_to(random, 99) < percent; }

/// From the environment, for long runs by hand.
std::uint64_t number(char const* name, std::uint64_t usual)
{
    char const* const text = std::getenv(name);
    return text ? std::stoull(text) : usual;
}

attempt_outcome refused()
{
    attempt_outcome out;
    out.code = hk::errc::connect_failed;
    return out;
}

attempt_outcome unavailable()
{
    attempt_outcome out;
    out.status = 503;
    out.bytes_written = true;
    return out;
}

class model_call
{
public:
    explicit model_call(std::uint64_t seed)
        : random_(seed),
          deadline_(200 + up_to(random_, 60'000)),
          outage_(up_to(random_, 60'000)),
          answers_(chance(random_, 30) ? 1 + up_to(random_, 4) : 0)
    {}

    /// What went wrong, or nothing.
    std::string failure()
    {
        for (;;) {
            now_ += milliseconds(up_to(random_, 3)); // the attempt
            bool const down = now_ < outage_;
            if (!down && answered_ == answers_)
                return "";
            attempt_outcome const outcome = down ? refused() : unavailable();
            int& made = down ? unsent_ : answered_;
            auto const share = std::uniform_real_distribution<double>(0, 1)(random_);
            auto const kind = chance(random_, 50) ? repeatable::freely : repeatable::unsent;
            auto const delay =
                decide_retry({}, down ? kind : repeatable::freely, outcome, made, share, deadline_ - now_);
            if (!delay)
                return given_up(down);
            milliseconds const whole =
                std::min<milliseconds>(800ms * (1 << std::min(made, 10)), down ? 5s : 60s);
            if (*delay >= deadline_ - now_)
                return "past the deadline";
            if (*delay < whole / 2 && *delay != (deadline_ - now_) / 2)
                return "a wait without its floor";
            if (*delay > whole)
                return "a wait that is too long";
            ++made;
            now_ += *delay;
        }
    }

    int unsent() const { return unsent_; }

private:
    std::string given_up(bool down) const
    {
        if (down && deadline_ - now_ >= 200ms)
            return "given up with time left, where nothing was written";
        if (!down && answered_ < 3 && deadline_ - now_ > 4s)
            return "given up before three retries";
        if (!down && answered_ > 3)
            return "more than three retries after answers";
        return "";
    }

    random_engine random_;
    milliseconds deadline_;
    milliseconds outage_;
    int answers_; ///< So many times the service says that it is not available, once it is up.
    milliseconds now_{0};
    int unsent_ = 0;
    int answered_ = 0;
};

} // namespace

TEST_CASE("whatever the outage and the deadline: time is used, and not by the hundred")
{
    std::uint64_t const first = number("HDIKAFKA_SEED", 1);
    std::uint64_t const cases = number("HDIKAFKA_CASES", 10'000);
    MESSAGE("seeds " << first << " to " << first + cases - 1);
    int most = 0;
    std::size_t retries = 0;
    for (std::uint64_t seed = first; seed != first + cases; ++seed) {
        model_call call(seed);
        std::string const wrong = call.failure();
        most = std::max(most, call.unsent());
        retries += std::size_t(call.unsent());
        if (!wrong.empty())
            FAIL("seed " << seed << ": " << wrong);
    }
    MESSAGE(retries << " retries, " << most << " in one call at most");
    CHECK(most < 40);
    CHECK(retries > 3 * cases);
}
