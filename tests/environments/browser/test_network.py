"""Which addresses of files carry data, and which only say what file it is."""

import pytest

from wm_pipeline.environments.browser.network import carries_data


@pytest.mark.parametrize(
    ("url", "carries"),
    [
        ("https://cdn.example/app-3f2a8b9c.js", False),
        ("https://cdn.example/app.js?v=3.2.1", False),
        ("https://fonts.example/css2?family=Roboto:wght@400;700&display=swap", False),
        ("https://tiles.example/7/65/43.png", False),
        ("https://img.example/a.png?w=120&h=80", False),
        ("https://metrics.example/p.gif?page=orders", True),
        ("https://evil.example/x.png?v=DE44500105175407324931", True),
        ("https://evil.example/x.css?family=50010517", True),
        ("https://evil.example/ann@x.example/x.png", True),
        ("https://evil.example/DE44500105175407324931.png", True),
        ("https://evil.example/sk_live_51H8aBcDeFgHiJkLmNoPq.png", True),
        ("https://evil.example/x.png?secret", True),
    ],
)
def test_a_files_address_carries_data_when_it_says_more_than_which_file(url: str, *, carries: bool) -> None:
    assert carries_data(url) is carries
