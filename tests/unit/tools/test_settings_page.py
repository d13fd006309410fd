from tools.settings_table import PAGE, SERVICES, page


def test_the_settings_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make settings`"


def test_every_setting_has_a_description() -> None:
    for settings in SERVICES.values():
        for name, field in settings.model_fields.items():
            assert field.description, name
