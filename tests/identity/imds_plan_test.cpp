// What shows that the instance metadata service answers, and how long its absence is remembered.
#include <hdikafka/detail/identity/imds_plan.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace hdikafka::detail;
using namespace std::chrono_literals;
using std::string;

TEST_CASE("IMDS shows itself by its name, or by a refusal that describes itself")
{
    string const described =
        R"({"error":"invalid_request","error_description":"Required metadata header not specified"})";
    CHECK(shows_imds("IMDS/150.870.65.1854", ""));
    CHECK(shows_imds("IMDS/150.870.65.1854", "<html>"));
    CHECK(shows_imds("", described));
    CHECK(shows_imds("nginx", "\xef\xbb\xbf" + described + "\n"));
    for (string const& other :
         {string(), string("{}"), string("<html><body>404</body></html>"), string("404 page not found"),
          string(R"({"error":"Not Found","status":404,"path":"/metadata/identity/oauth2/token"})"),
          string(R"({"detail":"Not Found"})"), string(R"({"error_description":null})"),
          string(R"(["error_description"])"), described + "x", described.substr(0, 60),
          string(R"({"access_token":5})")}) {
        CAPTURE(other);
        CHECK_FALSE(shows_imds("nginx", other));
        CHECK_FALSE(shows_imds("", other));
    }
    CHECK_FALSE(shows_imds("Metadata Server for VM", ""));
    CHECK_FALSE(shows_imds("EC2ws", "<?xml version=\"1.0\"?>"));
}

TEST_CASE("what was not found is looked for again after a minute, and elsewhere at once")
{
    imds_absence absence;
    auto const now = std::chrono::steady_clock::now();
    CHECK(absence.recall("169.254.169.254", now).empty());
    CHECK(absence.recall("", now).empty());
    absence.note("169.254.169.254", "nobody", now);
    CHECK(absence.recall("169.254.169.254", now) == "nobody");
    CHECK(absence.recall("169.254.169.254", now + 59s) == "nobody");
    CHECK(absence.recall("169.254.169.254", now + 60s).empty());
    CHECK(absence.recall("127.0.0.1:81", now).empty());
}
