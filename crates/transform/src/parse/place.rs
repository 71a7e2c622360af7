use crate::expression::Scope;
use crate::parameters::Parameter;

/// What the tokens of a chain are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Base,
    /// The file of a layer.
    Picture,
    /// A block of colour.
    Canvas,
    Text,
}

impl Place {
    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "the base picture",
            Self::Picture => "an image layer",
            Self::Canvas => "a block of colour",
            Self::Text => "a text layer",
        }
    }

    pub fn scope(self) -> Scope {
        match self {
            Self::Base => Scope::Base,
            Self::Picture => Scope::Picture,
            Self::Canvas | Self::Text => Scope::Block,
        }
    }

    /// True when the language has the parameter here.
    pub fn has(self, parameter: &Parameter) -> bool {
        let letter = match self {
            Self::Base => "I",
            Self::Picture => "L",
            Self::Canvas => "B",
            Self::Text => "T",
        };
        parameter.place.split(' ').any(|place| place == letter)
    }
}
