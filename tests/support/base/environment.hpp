// The environment of a test: variables that are as they were before when it ends.
#ifndef HDIKAFKA_TESTS_SUPPORT_ENVIRONMENT_HPP
#define HDIKAFKA_TESTS_SUPPORT_ENVIRONMENT_HPP

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace test {

/// A variable that has another value, or none, for as long as this lives.
class variable
{
public:
    variable(std::string name, std::optional<std::string> const& value) : name_(std::move(name))
    {
        if (char const* const found = std::getenv(name_.c_str()))
            before_ = found;
        set(value);
    }
    variable(variable const&) = delete;
    variable& operator=(variable const&) = delete;
    ~variable() { set(before_); }

private:
    void set(std::optional<std::string> const& value) const
    {
        if (value)
            setenv(name_.c_str(), value->c_str(), 1);
        else
            unsetenv(name_.c_str());
    }

    std::string name_;
    std::optional<std::string> before_;
};

} // namespace test

#endif
